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

static char *next_line(char *buffer, int bytes, void *user)
{
    reader *r = user;
    if (*r->rest == '\0') {
        end_section(r);
        return NULL;
    }
    const size_t length = strcspn(r->rest, "\n");
    const bool is_long = length >= (size_t)bytes;
    r->line++;
    if (is_long) {
        r->receive(r->user, SN_INI_LONG, NULL, NULL, NULL, r->line);
    }
    snprintf(buffer, (size_t)bytes, "%.*s", is_long ? 0 : (int)length, r->rest);
    r->rest += length + (r->rest[length] == '\n');
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
    reader r = {.rest = text, .receive = receive, .user = user};
    const int malformed = ini_parse_stream(next_line, &r, read_key, &r);
    if (malformed < 0) {
        return sn_fail(err, SN_ENOMEM, "configuration: out of memory");
    }
    if (malformed > 0) {
        receive(user, SN_INI_MALFORMED, NULL, NULL, NULL, malformed);
    }
    return SN_OK;
}
