/* SPDX-License-Identifier: BSD-3-Clause */
/* Compares two configurations as texts, so that keys and values that this version of
 * the program does not know are compared too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/ini.h"
#include "config/keys.h"

/* The keys of a text as strings in one buffer: '\0', section, '\0', key, '\0', value,
 * and so on. */
typedef struct listing {
    char *text;
    size_t bytes;
    FILE *out; /* open while the listing is built */
} listing;

typedef struct entry {
    const char *section, *key, *value; /* point into the listing's text */
} entry;

static void receive(void *user, sn_ini_item item, const char *section, const char *key,
                    const char *value, int line)
{
    listing *made = user;
    (void)line;
    if (item == SN_INI_KEY) {
        fprintf(made->out, "%c%s%c%s%c%s", '\0', section, '\0', key, '\0', value);
    } else if (item == SN_INI_CONTINUATION) {
        fputs(value, made->out);
    }
}

static sn_status list(const char *text, listing *made, sn_error *err)
{
    made->out = open_memstream(&made->text, &made->bytes);
    if (made->out == NULL) {
        return sn_fail(err, SN_ENOMEM, "out of memory to compare configurations");
    }
    const sn_status status = sn_ini_read(text, receive, made, err);
    const bool failed = ferror(made->out) != 0;
    return fclose(made->out) != 0 || failed
               ? sn_fail(err, SN_ENOMEM, "out of memory to compare configurations")
               : status;
}

/* Moves to the next entry, from {NULL} to the first.  Returns false after the last. */
static bool advance(const listing *in, entry *at)
{
    const char *start =
        at->value == NULL ? in->text + 1 : at->value + strlen(at->value) + 1;
    if (start >= in->text + in->bytes) {
        return false;
    }
    at->section = start;
    at->key = at->section + strlen(at->section) + 1;
    at->value = at->key + strlen(at->key) + 1;
    return true;
}

/* Returns the value of the wanted key, NULL if the listing lacks it. */
static const char *find(const listing *in, const entry *wanted)
{
    for (entry at = {NULL, NULL, NULL}; advance(in, &at);) {
        if (strcmp(at.section, wanted->section) == 0 &&
            strcmp(at.key, wanted->key) == 0) {
            return at.value;
        }
    }
    return NULL;
}

sn_status sn_config_compare(const char *a, const char *b, sn_config_difference *differs,
                            void *user, size_t *count, sn_error *err)
{
    listing left = {NULL, 0, NULL}, right = {NULL, 0, NULL};
    *count = 0;
    sn_status status = list(a, &left, err);
    if (status == SN_OK) {
        status = list(b, &right, err);
    }
    for (entry at = {NULL, NULL, NULL}; status == SN_OK && advance(&left, &at);) {
        const char *other = find(&right, &at);
        if (other == NULL ||
            !sn_key_is_same(sn_key_find(at.section, at.key), at.value, other)) {
            ++*count;
            differs(user, at.section, at.key, at.value, other);
        }
    }
    for (entry at = {NULL, NULL, NULL}; status == SN_OK && advance(&right, &at);) {
        if (find(&left, &at) == NULL) {
            ++*count;
            differs(user, at.section, at.key, NULL, at.value);
        }
    }
    free(left.text);
    free(right.text);
    return status;
}
