/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/report/differences.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

/* The comparison of one text with the first. */
typedef struct comparison {
    sn_differences *found;
    const char *const *texts;
    size_t first, other;
    bool out_of_memory;
} comparison;

/* *value := a copy of text, or NULL. */
static void set_value(comparison *now, char **value, const char *text)
{
    free(*value);
    *value = text != NULL ? strdup(text) : NULL;
    now->out_of_memory |= text != NULL && *value == NULL;
}

/* Returns the row of a key.  The first text, and each that has the same value, gets the
 * value a in a new row.  Returns NULL if there is not enough memory. */
static sn_difference *find_row(comparison *now, const char *section, const char *key,
                               const char *a)
{
    sn_differences *found = now->found;
    char name[256];
    snprintf(name, sizeof name, "%s.%s", section, key);
    for (size_t i = 0; i < found->keys; i++) {
        if (strcmp(found->key[i].name, name) == 0) {
            return &found->key[i];
        }
    }
    sn_difference *grown = realloc(found->key, (found->keys + 1) * sizeof *grown);
    found->key = grown != NULL ? grown : found->key;
    if (grown == NULL) {
        return NULL;
    }
    sn_difference *row = &found->key[found->keys++];
    *row = (sn_difference){strdup(name), calloc(found->count, sizeof *row->value)};
    if (row->name == NULL || row->value == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < found->count; i++) {
        if (now->texts[i] != NULL) {
            set_value(now, &row->value[i], a);
        }
    }
    return row;
}

static void add(void *user, const char *section, const char *key, const char *a,
                const char *b)
{
    comparison *now = user;
    sn_difference *row = now->out_of_memory ? NULL : find_row(now, section, key, a);
    if (row == NULL) {
        now->out_of_memory = true;
        return;
    }
    set_value(now, &row->value[now->other], b);
}

sn_status sn_differences_find(const char *const *texts, size_t count,
                              sn_differences *found, sn_error *err)
{
    *found = (sn_differences){.count = count};
    comparison now = {.found = found, .texts = texts};
    while (now.first < count && texts[now.first] == NULL) {
        now.first++;
    }
    sn_status status = SN_OK;
    for (now.other = now.first + 1; status == SN_OK && now.other < count; now.other++) {
        size_t differing;
        if (texts[now.other] != NULL) {
            status = sn_config_compare(texts[now.first], texts[now.other], add, &now,
                                       &differing, err);
        }
    }
    return status == SN_OK && now.out_of_memory
               ? sn_fail(err, SN_ENOMEM, "configurations: out of memory")
               : status;
}

void sn_differences_clear(sn_differences *found)
{
    for (size_t i = 0; i < found->keys; i++) {
        for (size_t j = 0; found->key[i].value != NULL && j < found->count; j++) {
            free(found->key[i].value[j]);
        }
        free(found->key[i].value);
        free(found->key[i].name);
    }
    free(found->key);
    *found = (sn_differences){.keys = 0};
}
