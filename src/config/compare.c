/* Two configurations compared as texts, so that keys and values that this version of
 * the program does not know are compared as well. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

/* A line KEY = VALUE of the text that sn_config_text writes; all point into one copy.
 */
typedef struct entry {
    char *section, *key, *value;
} entry;

typedef struct listing {
    char *text;
    entry *entries;
    size_t count;
} listing;

static char *trimmed(char *text)
{
    static const char blanks[] = " \t\r";
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]) != NULL) {
        length--;
    }
    text[length] = '\0';
    return text;
}

/* An indented line goes on with the value before it. */
static bool continues(const char *line, const listing *made)
{
    return made->count > 0 && (*line == ' ' || *line == '\t') &&
           strchr(";#", line[strspn(line, " \t\r")]) == NULL;
}

static void append(entry *last, char *line)
{
    /* the value lies before the line in the same copy of the text */
    const char *more = trimmed(line);
    memmove(last->value + strlen(last->value), more, strlen(more) + 1);
}

/* Takes the line apart; false for one that sets no key. */
static bool split(char *line, char **section, entry *found)
{
    line = trimmed(line);
    char *end = line[0] == '[' ? strchr(line, ']') : NULL;
    if (end != NULL) {
        *end = '\0';
        *section = line + 1;
        return false;
    }
    char *equals = line[0] == '#' || line[0] == ';' ? NULL : strchr(line, '=');
    if (equals == NULL) {
        return false;
    }
    *equals = '\0';
    *found = (entry){*section, trimmed(line), trimmed(equals + 1)};
    return true;
}

static sn_status list(const char *text, listing *made, sn_error *err)
{
    static char no_section[] = "";
    size_t lines = 1;
    for (const char *c = text; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    *made = (listing){.text = strdup(text),
                      .entries = calloc(lines, sizeof *made->entries)};
    if (made->text == NULL || made->entries == NULL) {
        return sn_fail(err, SN_ENOMEM, "out of memory to compare configurations");
    }
    char *section = no_section;
    for (char *line = made->text, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (continues(line, made)) {
            append(&made->entries[made->count - 1], line);
        } else {
            made->count += split(line, &section, &made->entries[made->count]);
        }
    }
    return SN_OK;
}

static void drop(listing *made)
{
    free(made->text);
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
