/* SPDX-License-Identifier: BSD-3-Clause */
/** The command line (internal to cli).  One table describes a command; the parser and
 *  the help read it. */
#ifndef SHARDNET_CLI_OPTIONS_H
#define SHARDNET_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shardnet/status.h"

/** The kind of an option's value, and the type of its field in the arguments. */
typedef enum sn_value_kind {
    SN_VALUE_FLAG,    /* bool: true if the option is given */
    SN_VALUE_TEXT,    /* const char *: not empty */
    SN_VALUE_INTEGER, /* uint64_t */
    SN_VALUE_REAL,    /* double */
    SN_VALUE_CHOICE,  /* int: the index in choices */
    SN_VALUE_PRINT    /* no field: the option prints a text instead of the command */
} sn_value_kind;

typedef union sn_value {
    const char *text;
    uint64_t integer;
    double real;
    int choice;
} sn_value;

enum { SN_LIST_MAX = 256 };

/** The field of an option that may be repeated. */
typedef struct sn_list {
    size_t count;
    sn_value value[SN_LIST_MAX];
} sn_list;

typedef struct sn_option {
    const char *name; /* without dashes; NULL ends a table */
    char letter;      /* the short form, 0 for none */
    sn_value_kind kind;
    const char *argument; /* name of the value in the help; NULL for a choice */
    const char *implied;  /* value of the bare option; only --name=VALUE sets another.
                                 NULL: a value must follow */
    double min, max;      /* range of a number, both included */
    const char *const *choices; /* names, terminated by NULL */
    size_t limit;  /* the field is a list of at most limit values; 0: one value */
    bool required; /* the option must be given; texts only */
    void (*print)(FILE *out);
    size_t offset; /* offset of the field in the arguments */
    const char *help;
} sn_option;

/** The field of an operand that may be repeated.  No word is empty. */
typedef struct sn_words {
    size_t count;
    char **word;   /* (count), in argv */
    size_t marked; /* number of words before `--`; 0 without it */
} sn_words;

typedef struct sn_operand {
    const char *name; /* NULL ends a table */
    bool many;        /* one or more words, last in the table; the field is sn_words */
    size_t offset;    /* offset of the field, a const char * unless many */
    const char *help;
} sn_operand;

/** The size of the tables of a command, including the empty row that ends each. */
enum { SN_OPERANDS_MAX = 4, SN_OPTIONS_MAX = 12, SN_COMMANDS_MAX = 16 };

/** The tasks of a job that run a command. */
typedef enum sn_tasks {
    SN_TASKS_TOGETHER, /* all tasks run it together, as MPI ranks */
    SN_TASKS_EACH,     /* every task runs it on its own */
    SN_TASKS_FIRST     /* only the first task runs it: all would write the same files */
} sn_tasks;

typedef struct sn_command {
    const char *name;    /* "train", "data synth", "" for the program */
    const char *summary; /* one line */
    const char *text; /* paragraphs; a line that begins with a blank is not wrapped */
    sn_operand operands[SN_OPERANDS_MAX];
    sn_option options[SN_OPTIONS_MAX];
    const struct sn_command *commands[SN_COMMANDS_MAX]; /* commands of a group */
    sn_tasks tasks;
    size_t bytes;         /* the size of the arguments */
    const void *defaults; /* (bytes); NULL for zeroes */
    sn_status (*run)(const void *arguments, sn_error *err); /* NULL for a group */
} sn_command;

/** Parses the words after argv[0] into arguments, which hold the defaults.  The
 *  function reorders argv; arguments point into it.  Errors: SN_EUSAGE; the message
 *  names the word and a similar one. */
sn_status sn_options_parse(const sn_command *command, int argc, char **argv,
                           void *arguments, sn_error *err) SN_MUST_CHECK;

/** Returns SN_EUSAGE; err holds the formatted text and names the command's help. */
sn_status sn_options_refuse(const sn_command *command, sn_error *err,
                            const char *format, ...) SN_PRINTF(3, 4);

/** Returns true if an option before `--`, such as --help, requests a text instead of
 *  the command.  Prints the text to out unless out is NULL. */
bool sn_options_print(const sn_command *command, int argc, char **argv, FILE *out);

/** Finds the command of a group by the last word of its name.  Errors: SN_EUSAGE; the
 *  message names a similar command. */
sn_status sn_options_find(const sn_command *group, const char *word,
                          const sn_command **found, sn_error *err) SN_MUST_CHECK;

/** Writes the option as the help shows it into text: "--set SECTION.KEY=VALUE" or, if
 *  it has a letter, "-o FILE"; if both, "-o, --output FILE". */
void sn_help_spell_option(const sn_option *option, bool both, char *text, size_t bytes);

/** Prints "usage: shardnet COMMAND ..." in lines of at most width columns. */
void sn_help_print_usage(FILE *out, const sn_command *command, int width);

/** Prints usage, text, operands, commands and options. */
void sn_help_print(FILE *out, const sn_command *command);

/** Initializers for rows of a command's tables; the arguments have the type
 *  `arguments`. */
#define SN_FIELD(name_, kind_, field, help_)                                           \
    .name = (name_), .kind = (kind_), .offset = offsetof(arguments, field),            \
    .help = (help_)
#define SN_FLAG(name_, field, help_) SN_FIELD(name_, SN_VALUE_FLAG, field, help_)
#define SN_TEXT(name_, argument_, field, help_)                                        \
    SN_FIELD(name_, SN_VALUE_TEXT, field, help_), .argument = (argument_)
#define SN_NUMBER(name_, kind_, argument_, min_, max_, field, help_)                   \
    .argument = (argument_), .min = (min_), .max = (max_),                             \
    SN_FIELD(name_, kind_, field, help_)
#define SN_INTEGER(name_, argument_, min_, max_, field, help_)                         \
    SN_NUMBER(name_, SN_VALUE_INTEGER, argument_, min_, max_, field, help_)
#define SN_REAL(name_, argument_, min_, max_, field, help_)                            \
    SN_NUMBER(name_, SN_VALUE_REAL, argument_, min_, max_, field, help_)
#define SN_CHOICE(name_, choices_, field, help_)                                       \
    SN_FIELD(name_, SN_VALUE_CHOICE, field, help_), .choices = (choices_)
#define SN_PRINT(name_, print_, help_)                                                 \
    .name = (name_), .kind = SN_VALUE_PRINT, .print = (print_), .help = (help_)
#define SN_OPERAND(name_, field, help_)                                                \
    .name = (name_), .offset = offsetof(arguments, field), .help = (help_)

/** The rows of a command that reads a configuration; its arguments have the fields
 *  config and set. */
#define SN_OPERAND_CONFIG                                                              \
    SN_OPERAND("CONFIG", config,                                                       \
               "an INI file; `shardnet train --help-config` prints every key")
#define SN_OPTION_SET                                                                  \
    SN_TEXT("set", "SECTION.KEY=VALUE", set,                                           \
            "override one key of CONFIG; may be repeated"),                            \
        .limit = SN_LIST_MAX

#endif
