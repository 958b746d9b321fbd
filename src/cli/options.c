/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text/near.h"

/* The state while a command line is parsed. */
typedef struct parser {
    const sn_command *command;
    int argc;
    char **argv;
    char *arguments;
    sn_error *err;
} parser;

/* Returns the last word of the name of a command. */
static const char *last_word(const sn_command *command)
{
    const char *blank = strrchr(command->name, ' ');
    return blank != NULL ? blank + 1 : command->name;
}

sn_status sn_options_refuse(const sn_command *command, sn_error *err,
                            const char *format, ...)
{
    char why[SN_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    const bool is_question = why[0] != '\0' && why[strlen(why) - 1] == '?';
    return sn_fail(err, SN_EUSAGE, "%s%s `shardnet%s%s --help`", why,
                   is_question ? " See" : "; see", *command->name != '\0' ? " " : "",
                   command->name);
}

/* Stores name in *best if it is more similar to word than all names before. */
static void keep_nearest(const char *word, const char *name, const char **best,
                         size_t *distance)
{
    const size_t other = sn_near_distance(word, name);
    if (other < *distance) {
        *best = name;
        *distance = other;
    }
}

static sn_status refuse_unknown(const sn_command *command, sn_error *err,
                                const char *kind, const char *word, const char *dashes,
                                const char *best)
{
    return best == NULL
               ? sn_options_refuse(command, err, "unknown %s (%s)", kind, word)
               : sn_options_refuse(command, err, "unknown %s (%s): did you mean %s%s?",
                                   kind, word, dashes, best);
}

sn_status sn_options_find(const sn_command *group, const char *word,
                          const sn_command **found, sn_error *err)
{
    const char *best = NULL;
    size_t distance = SIZE_MAX;
    for (const sn_command *const *at = group->commands; *at != NULL; at++) {
        if (strcmp(word, last_word(*at)) == 0) {
            *found = *at;
            return SN_OK;
        }
        keep_nearest(word, last_word(*at), &best, &distance);
    }
    return refuse_unknown(group, err, "command", word, "", best);
}

static sn_status refuse_option(const parser *p, const char *word)
{
    const char *best = NULL;
    size_t distance = SIZE_MAX;
    char name[64];
    const char *start = word + strspn(word, "-");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(start, "="), start);
    keep_nearest(name, "help", &best, &distance);
    for (const sn_option *o = p->command->options; o->name != NULL; o++) {
        keep_nearest(name, o->name, &best, &distance);
    }
    return refuse_unknown(p->command, p->err, "option", word, "--", best);
}

/* Returns NULL if the option is unknown.  *value is the part after `=`, NULL if there
 * is none. */
static const sn_option *find_option(const sn_command *command, const char *word,
                                    const char **value)
{
    const size_t length = strcspn(word, "=");
    *value = NULL;
    for (const sn_option *o = command->options; o->name != NULL; o++) {
        if (o->letter != 0 && word[0] == '-' && word[1] == o->letter &&
            word[2] == '\0') {
            return o;
        }
        if (strncmp(word, "--", 2) == 0 && strlen(o->name) + 2 == length &&
            strncmp(word + 2, o->name, length - 2) == 0) {
            *value = word[length] == '=' ? word + length + 1 : NULL;
            return o;
        }
    }
    return NULL;
}

bool sn_options_print(const sn_command *command, int argc, char **argv, FILE *out)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *value;
        const sn_option *option = find_option(command, argv[i], &value);
        const bool help = strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        if (!help &&
            (option == NULL || option->kind != SN_VALUE_PRINT || value != NULL)) {
            continue;
        }
        if (out != NULL && help) {
            sn_help_print(out, command);
        } else if (out != NULL) {
            option->print(out);
        }
        return true;
    }
    return false;
}

static bool read_integer(const char *text, uint64_t *integer)
{
    char *end;
    errno = 0;
    *integer = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && strspn(text, "0123456789") == strlen(text);
}

/* Returns false if text is not a value of the option's kind and range. */
static bool read_value(const sn_option *option, const char *text, sn_value *value)
{
    char *end;
    switch (option->kind) {
    case SN_VALUE_INTEGER:
        return read_integer(text, &value->integer) &&
               (double)value->integer >= option->min &&
               (double)value->integer <= option->max;
    case SN_VALUE_REAL:
        value->real = strtod(text, &end);
        return end != text && *end == '\0' && value->real >= option->min &&
               value->real <= option->max;
    case SN_VALUE_CHOICE:
        value->choice = 0;
        while (option->choices[value->choice] != NULL &&
               strcmp(option->choices[value->choice], text) != 0) {
            value->choice++;
        }
        return option->choices[value->choice] != NULL;
    default:
        value->text = text;
        return true;
    }
}

static sn_status refuse_value(const parser *p, const sn_option *option,
                              const char *text)
{
    char wanted[256];
    if (option->kind == SN_VALUE_CHOICE) {
        int length = 0;
        for (const char *const *c = option->choices; *c != NULL; c++) {
            length += snprintf(wanted + length, sizeof wanted - (size_t)length, "%s%s",
                               c == option->choices ? ""
                               : c[1] == NULL       ? " or "
                                                    : ", ",
                               *c);
        }
    } else if (option->max >= (double)UINT64_MAX) {
        snprintf(wanted, sizeof wanted, "an integer less than 2^64");
    } else {
        snprintf(wanted, sizeof wanted, "%s in [%.10g, %.10g]",
                 option->kind == SN_VALUE_INTEGER ? "an integer" : "a number",
                 option->min, option->max);
    }
    return sn_options_refuse(p->command, p->err,
                             "wrong value (--%s %.80s): it must be %s", option->name,
                             text, wanted);
}

static sn_status store(const parser *p, const sn_option *option, const char *text)
{
    static const size_t bytes[] = {sizeof(bool),     sizeof(const char *),
                                   sizeof(uint64_t), sizeof(double),
                                   sizeof(int),      0};
    char *field = p->arguments + option->offset;
    sn_value value;
    if (!read_value(option, text, &value)) {
        return refuse_value(p, option, text);
    }
    if (option->limit == 0) {
        memcpy(field, &value, bytes[option->kind]);
        return SN_OK;
    }
    sn_list *list = (sn_list *)(void *)field;
    if (list->count == option->limit) {
        return sn_options_refuse(p->command, p->err,
                                 "too many values (--%s %s): at most %zu", option->name,
                                 text, option->limit);
    }
    list->value[list->count++] = value;
    return SN_OK;
}

/* Parses the option at argv[*i]; *i moves to the last word of the option. */
static sn_status parse_option(const parser *p, int *i)
{
    const char *word = p->argv[*i], *value;
    const sn_option *option = find_option(p->command, word, &value);
    if (option == NULL) {
        return refuse_option(p, word);
    }
    if (option->kind == SN_VALUE_FLAG || option->kind == SN_VALUE_PRINT) {
        if (value != NULL) {
            return sn_options_refuse(p->command, p->err,
                                     "unexpected value (%s): --%s has no value", word,
                                     option->name);
        }
        if (option->kind == SN_VALUE_FLAG) {
            *(bool *)(p->arguments + option->offset) = true;
        }
        return SN_OK;
    }
    if (value == NULL && option->implied != NULL) {
        value = option->implied;
    } else if (value == NULL && *i + 1 < p->argc) {
        value = p->argv[++*i];
    }
    if (value == NULL || *value == '\0') {
        return sn_options_refuse(
            p->command, p->err, "missing value (%s): %s must follow", word,
            option->argument != NULL ? option->argument : "a word");
    }
    return store(p, option, value);
}

/* Stores the words (count), which are all operands, in their fields; marked of them
 * precede `--`. */
static sn_status store_operands(const parser *p, char **words, size_t count,
                                size_t marked)
{
    const sn_operand *operand = p->command->operands;
    size_t next = 0;
    for (; operand->name != NULL; operand++) {
        char *field = p->arguments + operand->offset;
        if (next == count) {
            return sn_options_refuse(p->command, p->err, "missing argument (%s)",
                                     operand->name);
        }
        const size_t end = operand->many ? count : next + 1;
        for (size_t i = next; i < end; i++) {
            if (words[i][0] == '\0') {
                return sn_options_refuse(p->command, p->err, "empty argument (%s)",
                                         operand->name);
            }
        }
        if (operand->many) {
            *(sn_words *)(void *)field = (sn_words){count - next, words + next,
                                                    marked > next ? marked - next : 0};
        } else {
            const char *word = words[next];
            memcpy(field, &word, sizeof word);
        }
        next = end;
    }
    return next == count ? SN_OK
                         : sn_options_refuse(p->command, p->err,
                                             "too many arguments (%s)", words[next]);
}

static sn_status check_required(const parser *p)
{
    for (const sn_option *o = p->command->options; o->name != NULL; o++) {
        const char *text = "";
        if (o->required) {
            memcpy(&text, p->arguments + o->offset, sizeof text);
        }
        if (text == NULL) {
            return sn_options_refuse(p->command, p->err, "missing option (--%s %s)",
                                     o->name, o->argument);
        }
    }
    return SN_OK;
}

sn_status sn_options_parse(const sn_command *command, int argc, char **argv,
                           void *arguments, sn_error *err)
{
    const parser p = {command, argc, argv, arguments, err};
    sn_status status = SN_OK;
    bool ended = false;
    size_t operands = 0,
           marked = 0; /* number of words moved to the front of argv + 1 */
    for (int i = 1; i < argc && status == SN_OK; i++) {
        if (ended || argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[1 + operands++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            ended = true;
            marked = operands;
        } else {
            status = parse_option(&p, &i);
        }
    }
    if (status == SN_OK) {
        status = store_operands(&p, argv + 1, operands, marked);
    }
    return status == SN_OK ? check_required(&p) : status;
}
