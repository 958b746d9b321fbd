/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/ini.h"

#include <ctype.h>
#include <ini.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* libinih reports neither line numbers nor empty sections, but it requests one line at
 * a time: the key that it reports is on the last requested line. */
typedef struct reader {
    const char *rest;
    int line;
    bool indented;     /* the line is indented: libinih repeats the last key for it */
    bool after_long;   /* the line before it was long, so it may continue a value */
    char section[256]; /* current section */
    int section_line;  /* its line, 0 before the first section */
    size_t keys;       /* number of keys in this section so far */
    sn_ini_receive *receive;
    void *user;
} reader;

static void end_section(reader *r)
{
    if (r->section_line > 0 && r->keys == 0) {
        r->receive(r->user, SN_INI_SECTION, r->section, NULL, NULL, r->section_line);
    }
}

/* Returns the length of the line without a comment: a # at its start or after white
 * space.  libinih removes comments that start with ; itself. */
static size_t length_without_comment(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (line[i] == '#' && (i == 0 || isspace((unsigned char)line[i - 1]))) {
            return i;
        }
    }
    return length;
}

/* Returns true if the indented line is a section or a key and does not continue a value.
 * A list continues with a comma, and only a path of many bytes has several lines. */
static bool starts_item(const reader *r, const char *line)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    const size_t letters = strspn(line, name);
    const size_t blanks = strspn(line + letters, " \t");
    return !r->after_long &&
           (*line == '[' || (letters > 0 && line[letters + blanks] == '='));
}

/* Copies the next line, without indentation if it starts an item.  libinih takes an
 * indented line for a continuation. */
static char *next_line(char *buffer, int bytes, void *user)
{
    enum { LONG_BYTES = 150 };
    reader *r = user;
    if (*r->rest == '\0') {
        end_section(r);
        return NULL;
    }
    const char *line = r->rest;
    const size_t whole = strcspn(line, "\n");
    size_t length = length_without_comment(line, whole);
    const size_t indentation = strspn(line, " \t");
    if (indentation > 0 && indentation < length && starts_item(r, line + indentation)) {
        line += indentation;
        length -= indentation;
    }
    const bool is_long = length >= (size_t)bytes;
    r->line++;
    if (is_long) {
        r->receive(r->user, SN_INI_LONG, NULL, NULL, NULL, r->line);
    }
    snprintf(buffer, (size_t)bytes, "%.*s", is_long ? 0 : (int)length, line);
    r->rest += whole + (r->rest[whole] == '\n');
    r->after_long = length >= LONG_BYTES;
    r->indented = isspace((unsigned char)buffer[0]);
    const size_t name = strcspn(buffer, "]");
    if (buffer[0] == '[' && buffer[name] == ']') {
        end_section(r);
        snprintf(r->section, sizeof r->section, "%.*s", (int)name - 1, buffer + 1);
        r->section_line = r->line;
        r->keys = 0;
    }
    return buffer;
}

static int read_key(void *user, const char *section, const char *key, const char *value)
{
    reader *r = user;
    const sn_ini_item item =
        r->indented && r->keys > 0 ? SN_INI_CONTINUATION : SN_INI_KEY;
    r->keys++;
    r->receive(r->user, item, section, key, value, r->line);
    return 1;
}

sn_status sn_ini_read(const char *text, sn_ini_receive *receive, void *user,
                      sn_error *err)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    const size_t skipped =
        strncmp(text, byte_order_mark, 3) == 0 ? sizeof byte_order_mark - 1 : 0;
    reader r = {.rest = text + skipped, .receive = receive, .user = user};
    const int malformed = ini_parse_stream(next_line, &r, read_key, &r);
    if (malformed < 0) {
        return sn_fail(err, SN_ENOMEM, "configuration: out of memory");
    }
    if (malformed > 0) {
        receive(user, SN_INI_MALFORMED, NULL, NULL, NULL, malformed);
    }
    return SN_OK;
}
