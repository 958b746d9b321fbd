/* Two configurations compared as texts, so that keys and values that this version of
 * the program does not know are compared as well. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/ini.h"

typedef struct entry {
    char *section, *key, *value;
} entry;

typedef struct listing {
    entry *entries; /* (capacity) */
    size_t count, capacity;
    bool out_of_memory;
} listing;

static void add(listing *made, const char *section, const char *key, const char *value)
{
    if (made->count == made->capacity) {
        const size_t wanted = 2 * made->capacity + SN_CONFIG_KEYS_MAX;
        entry *grown = realloc(made->entries, wanted * sizeof *grown);
        if (grown == NULL) {
            made->out_of_memory = true;
            return;
        }
        made->entries = grown;
        made->capacity = wanted;
    }
    const entry added = {strdup(section), strdup(key), strdup(value)};
    made->entries[made->count++] = added;
    made->out_of_memory |= !added.section || !added.key || !added.value;
}

static void append(listing *made, entry *last, const char *value)
{
    char *grown = realloc(last->value, strlen(last->value) + strlen(value) + 1);
    if (grown == NULL) {
        made->out_of_memory = true;
        return;
    }
    last->value = strcat(grown, value);
}

static void take(void *user, sn_ini_item item, const char *section, const char *key,
                 const char *value, int line)
{
    listing *made = user;
    (void)line;
    if (made->out_of_memory) {
        return;
    }
    if (item == SN_INI_KEY) {
        add(made, section, key, value);
    } else if (item == SN_INI_MORE) {
        append(made, &made->entries[made->count - 1], value);
    }
}

static sn_status list(const char *text, listing *made, sn_error *err)
{
    const sn_status status = sn_ini_read(text, take, made, err);
    return status == SN_OK && made->out_of_memory
               ? sn_fail(err, SN_ENOMEM, "out of memory to compare configurations")
               : status;
}

static void drop(listing *made)
{
    for (size_t i = 0; i < made->count; i++) {
        free(made->entries[i].section);
        free(made->entries[i].key);
        free(made->entries[i].value);
    }
    free(made->entries);
}

static const entry *find(const listing *in, const entry *wanted)
{
    for (size_t i = 0; i < in->count; i++) {
        if (strcmp(in->entries[i].section, wanted->section) == 0 &&
            strcmp(in->entries[i].key, wanted->key) == 0) {
            return &in->entries[i];
        }
    }
    return NULL;
}

sn_status sn_config_compare(const char *a, const char *b, sn_config_difference *differs,
                            void *user, size_t *count, sn_error *err)
{
    listing left = {0}, right = {0};
    *count = 0;
    sn_status status = list(a, &left, err);
    if (status == SN_OK) {
        status = list(b, &right, err);
    }
    for (size_t i = 0; status == SN_OK && i < left.count; i++) {
        const entry *ours = &left.entries[i], *theirs = find(&right, ours);
        if (theirs == NULL || strcmp(ours->value, theirs->value) != 0) {
            ++*count;
            differs(user, ours->section, ours->key, ours->value,
                    theirs != NULL ? theirs->value : NULL);
        }
    }
    for (size_t i = 0; status == SN_OK && i < right.count; i++) {
        const entry *theirs = &right.entries[i];
        if (find(&left, theirs) == NULL) {
            ++*count;
            differs(user, theirs->section, theirs->key, NULL, theirs->value);
        }
    }
    drop(&left);
    drop(&right);
    return status;
}
