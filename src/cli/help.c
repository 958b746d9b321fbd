/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints the help of a command from its table. */
#include <string.h>

#include "cli/options.h"

enum { WIDTH = 80, HELP_COLUMN = 28 };

static void begin_line(FILE *out, int indent)
{
    fprintf(out, "\n%*s", indent, "");
}

/* Prints text from column at; its other lines begin at column indent. */
static void print_wrapped(FILE *out, const char *text, int indent, int at)
{
    while (*text != '\0') {
        if (*text == '\n') {
            begin_line(out, text[1] == '\n' ? 0 : indent);
            at = indent;
            text++;
            continue;
        }
        const int blanks = (int)strspn(text, " ");
        const int letters = (int)strcspn(text + blanks, " \n");
        if (at > indent && at + blanks + letters > WIDTH) {
            begin_line(out, indent);
            at = indent + letters;
            fprintf(out, "%.*s", letters, text + blanks);
        } else {
            at += blanks + letters;
            fprintf(out, "%.*s", blanks + letters, text);
        }
        text += blanks + letters;
    }
    fputc('\n', out);
}

void sn_help_spell_option(const sn_option *option, bool both, char *text, size_t bytes)
{
    char value[128] = "";
    int length = 0;
    for (const char *const *c = option->choices; c != NULL && *c != NULL; c++) {
        length += snprintf(value + length, sizeof value - (size_t)length, "%s%s",
                           length == 0 ? " " : "|", *c);
    }
    if (option->argument != NULL) {
        snprintf(value, sizeof value, option->implied != NULL ? "[=%s]" : " %s",
                 option->argument);
    }
    if (option->letter == 0) {
        snprintf(text, bytes, "--%s%s", option->name, value);
    } else if (both) {
        snprintf(text, bytes, "-%c, --%s%s", option->letter, option->name, value);
    } else {
        snprintf(text, bytes, "-%c%s", option->letter, value);
    }
}

/* Prints one more item of the usage, on a new line if this one is full. */
static void print_item(FILE *out, const char *item, int indent, int width, int *at)
{
    const int length = (int)strlen(item) + 1;
    if (*at + length > width && *at > indent) {
        begin_line(out, indent);
        *at = indent;
    }
    fprintf(out, " %s", item);
    *at += length;
}

void sn_help_print_usage(FILE *out, const sn_command *command, int width)
{
    char item[192], option[160];
    const int indent = fprintf(out, "usage: shardnet%s%s",
                               *command->name != '\0' ? " " : "", command->name);
    int at = indent;
    for (const sn_operand *o = command->operands; o->name != NULL; o++) {
        snprintf(item, sizeof item, "%s%s", o->name, o->many ? "..." : "");
        print_item(out, item, indent, width, &at);
    }
    for (int required = 1; required >= 0; required--) {
        for (const sn_option *o = command->options; o->name != NULL; o++) {
            if (o->required == (required == 1)) {
                sn_help_spell_option(o, false, option, sizeof option);
                snprintf(item, sizeof item, o->required ? "%s" : "[%s]%s", option,
                         o->limit > 0 ? "..." : "");
                print_item(out, item, indent, width, &at);
            }
        }
    }
    fputc('\n', out);
}

/* Prints a name and its help text side by side. */
static void print_entry(FILE *out, const char *name, const char *help)
{
    const int at = fprintf(out, "  %s", name);
    if (at + 2 > HELP_COLUMN) {
        begin_line(out, HELP_COLUMN);
    } else {
        fprintf(out, "%*s", HELP_COLUMN - at, "");
    }
    print_wrapped(out, help, HELP_COLUMN, HELP_COLUMN);
}

static void print_entries(FILE *out, const sn_command *command)
{
    char name[160];
    for (const sn_operand *o = command->operands; o->name != NULL; o++) {
        print_entry(out, o->name, o->help);
    }
    for (const sn_command *const *c = command->commands; *c != NULL; c++) {
        snprintf(name, sizeof name, "shardnet %s", (*c)->name);
        print_entry(out, name, (*c)->summary);
    }
    for (const sn_option *o = command->options; o->name != NULL; o++) {
        sn_help_spell_option(o, true, name, sizeof name);
        print_entry(out, name, o->help);
    }
    print_entry(out, "-h, --help", "print this help");
}

void sn_help_print(FILE *out, const sn_command *command)
{
    if (command->commands[0] == NULL) {
        sn_help_print_usage(out, command, WIDTH);
    } else if (*command->name == '\0') {
        fputs("usage: shardnet COMMAND ...\n", out);
    }
    for (const sn_command *const *c = command->commands;
         *command->name != '\0' && *c != NULL; c++) {
        sn_help_print_usage(out, *c, WIDTH);
    }
    fputc('\n', out);
    print_wrapped(out, command->text, 0, 0);
    fputc('\n', out);
    print_entries(out, command);
}
