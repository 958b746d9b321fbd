/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the completion of a shell: the tables of commands, options and keys as
 * associative arrays in the syntax that bash and zsh share, and then the script that
 * reads them.  The build runs this generator; it is not installed.
 *
 * A command is named by its words with colons between them: shardnet:data:synth.
 *
 *     _shardnet_commands[COMMAND]         the commands of a group
 *     _shardnet_options[COMMAND]          the options
 *     _shardnet_operands[COMMAND]         a word per operand; the last one with `...` if
 *                                         it may be repeated
 *     _shardnet_values[COMMAND:OPTION]    the values of an option; no entry for a flag
 *     _shardnet_values[SECTION.KEY]       the values of a key
 *     _shardnet_help[...]                 the help text of a command, option or key
 *     _shardnet_keys                      all keys
 *
 * Values are words, or one of :files, :folders, :configs, :keys and :none, which means
 * that nothing can be offered. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "config/keys.h"

enum { NAME_BYTES = 160 };

/* Writes text as a word of the shell. */
static void write_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        fputs(*text == '\'' ? "'\\''" : (const char[]){*text, '\0'}, out);
    }
    fputs("'\n", out);
}

/* Begins an assignment to an element of one of the arrays. */
static void begin_entry(FILE *out, const char *array, const char *name)
{
    fprintf(out, "_shardnet_%s[%s]=", array, name);
}

static void write_help(FILE *out, const char *name, const char *text)
{
    begin_entry(out, "help", name);
    write_quoted(out, text);
}

/* Writes the name of the command with colons between its words. */
static void spell_command(const sn_command *command, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "shardnet%s%s", *command->name != '\0' ? ":" : "",
             command->name);
    for (char *blank = name; (blank = strchr(blank, ' ')) != NULL;) {
        *blank = ':';
    }
}

/* Returns the kind of value that the name of an argument in the help stands for. */
static const char *kind_of(const char *argument)
{
    static const char *const kinds[][2] = {{"RUN", ":folders"},
                                           {"DIR", ":folders"},
                                           {"CONFIG", ":configs"},
                                           {"SECTION.KEY=VALUE", ":keys"},
                                           {"URL", ":none"}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(argument, kinds[i][0]) == 0) {
            return kinds[i][1];
        }
    }
    return ":files";
}

/* Writes the values that an argument allows.  In best|last|PATH they are the words in
 * lower case. */
static void write_argument(FILE *out, const char *argument)
{
    const char *before = "";
    while (*argument != '\0') {
        const size_t length = strcspn(argument, "|");
        char word[NAME_BYTES];
        snprintf(word, sizeof word, "%.*s", (int)length, argument);
        fprintf(out, "%s%s", before,
                islower((unsigned char)*word) != 0 ? word : kind_of(word));
        before = " ";
        argument += length + (argument[length] == '|');
    }
}

static void write_choices(FILE *out, const char *const *choices)
{
    for (const char *const *choice = choices; *choice != NULL; choice++) {
        fprintf(out, "%s%s", choice == choices ? "" : " ", *choice);
    }
}

static void write_option(FILE *out, const char *command, const sn_option *option)
{
    char name[2 * NAME_BYTES];
    for (int letter = 0; letter <= (option->letter != 0); letter++) {
        if (letter == 1) {
            snprintf(name, sizeof name, "%s:-%c", command, option->letter);
        } else {
            snprintf(name, sizeof name, "%s:--%s", command, option->name);
        }
        write_help(out, name, option->help);
        if (option->kind == SN_VALUE_FLAG || option->kind == SN_VALUE_PRINT) {
            continue;
        }
        begin_entry(out, "values", name);
        fputs(option->implied != NULL ? "'= " : "'", out);
        if (option->kind == SN_VALUE_CHOICE) {
            write_choices(out, option->choices);
        } else {
            write_argument(out,
                           option->kind == SN_VALUE_TEXT ? option->argument : "URL");
        }
        fputs("'\n", out);
    }
}

static void write_operands(FILE *out, const char *name, const sn_command *command)
{
    begin_entry(out, "operands", name);
    fputc('\'', out);
    for (const sn_operand *o = command->operands; o->name != NULL; o++) {
        fprintf(out, "%s%s%s", o == command->operands ? "" : " ",
                strchr(o->name, '|') == NULL ? kind_of(o->name) : ":files",
                o->many ? "..." : "");
    }
    fputs("'\n", out);
}

/* Writes the entries of a command and of the commands of a group. */
static void write_command(FILE *out, const sn_command *command)
{
    char name[NAME_BYTES], help[NAME_BYTES + 8];
    spell_command(command, name);
    write_help(out, name, command->summary);
    write_operands(out, name, command);
    begin_entry(out, "options", name);
    fputc('\'', out);
    for (const sn_option *o = command->options; o->name != NULL; o++) {
        if (o->letter != 0) {
            fprintf(out, "-%c ", o->letter);
        }
        fprintf(out, "--%s ", o->name);
    }
    fputs("-h --help'\n", out);
    snprintf(help, sizeof help, "%s:--help", name);
    write_help(out, help, "print the help");
    for (const sn_option *o = command->options; o->name != NULL; o++) {
        write_option(out, name, o);
    }
    begin_entry(out, "commands", name);
    fputc('\'', out);
    for (const sn_command *const *c = command->commands; *c != NULL; c++) {
        const char *blank = strrchr((*c)->name, ' ');
        fprintf(out, "%s%s", c == command->commands ? "" : " ",
                blank != NULL ? blank + 1 : (*c)->name);
    }
    fputs("'\n", out);
    for (const sn_command *const *c = command->commands; *c != NULL; c++) {
        write_command(out, *c);
    }
}

static void write_keys(FILE *out)
{
    char name[NAME_BYTES];
    fputs("_shardnet_keys='", out);
    for (const sn_key *key = sn_keys; key->section != NULL; key++) {
        fprintf(out, "%s%s.%s", key == sn_keys ? "" : " ", key->section, key->name);
    }
    fputs("'\n", out);
    for (const sn_key *key = sn_keys; key->section != NULL; key++) {
        snprintf(name, sizeof name, "%s.%s", key->section, key->name);
        write_help(out, name, key->help);
        begin_entry(out, "values", name);
        fputc('\'', out);
        if (key->type == SN_KEY_CHOICE) {
            write_choices(out, key->choices);
        } else if (key->type == SN_KEY_PATH) {
            fputs(":folders", out);
        } else {
            fputs(key->automatic != NULL ? key->automatic : ":none", out);
        }
        fputs("'\n", out);
    }
}

/* Copies the script; the tables take the place of the line @TABLES@. */
static void write_script(FILE *out, FILE *script)
{
    char line[256];
    while (fgets(line, sizeof line, script) != NULL) {
        if (strcmp(line, "# @TABLES@\n") != 0) {
            fputs(line, out);
            continue;
        }
        fputs("typeset -gA _shardnet_commands _shardnet_options _shardnet_operands\n"
              "typeset -gA _shardnet_values _shardnet_help\n",
              out);
        write_command(out, &sn_program);
        write_keys(out);
    }
}

int main(int argc, char **argv)
{
    FILE *script = argc == 3 ? fopen(argv[1], "r") : NULL;
    FILE *out = script != NULL ? fopen(argv[2], "w") : NULL;
    if (out == NULL) {
        fputs("usage: shardnet_completion SCRIPT FILE\n", stderr);
        return EXIT_FAILURE;
    }
    write_script(out, script);
    const bool failed = ferror(out) != 0 || ferror(script) != 0;
    (void)fclose(script);
    return fclose(out) != 0 || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
