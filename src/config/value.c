/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversion between the value of one key and its text. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "config/keys.h"

/* Writes the formatted text into why; returns false. */
static SN_PRINTF(2, 3) bool refuse(char why[SN_KEY_WHY_BYTES], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, SN_KEY_WHY_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

/* Returns true if text is the word for min - 1 of this key. */
static bool is_automatic(const sn_key *key, const char *text)
{
    return key->automatic != NULL && strcmp(text, key->automatic) == 0;
}

static bool read_integer(const sn_key *key, const char *text, void *field,
                         char why[SN_KEY_WHY_BYTES])
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    const char *word = key->automatic == NULL ? "" : key->automatic;
    const char *or_word = key->automatic == NULL ? "" : " or ";
    if (is_automatic(key, text)) {
        value = (long long)key->min - 1;
    } else if (end == text || *end != '\0') {
        return refuse(why, "'%.80s' is not an integer%s%s", text, or_word, word);
    } else if (errno == ERANGE || (double)value < key->min ||
               (double)value > key->max) {
        return refuse(why, "%.80s is out of range [%.0f, %.0f]%s%s", text, key->min,
                      key->max, or_word, word);
    }
    int64_t stored = value;
    memcpy(field, &stored, sizeof stored);
    return true;
}

static bool read_real(const sn_key *key, const char *text, void *field,
                      char why[SN_KEY_WHY_BYTES])
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    const char *word = key->automatic == NULL ? "" : key->automatic;
    const char *or_word = key->automatic == NULL ? "" : " or ";
    if (is_automatic(key, text)) {
        value = key->min - 1;
        memcpy(field, &value, sizeof value);
        return true;
    }
    if (end == text || *end != '\0' || !isfinite(value)) {
        return refuse(why, "'%.80s' is not a number%s%s", text, or_word, word);
    }
    if (value == 0 && errno == ERANGE) {
        return refuse(why,
                      "%.80s is too close to 0 for a double; use 0 or a larger number",
                      text);
    }
    if (value < key->min || value > key->max || (key->max_open && value == key->max)) {
        return refuse(why, "%.80s is out of range [%g, %g%c%s%s", text, key->min,
                      key->max, key->max_open ? ')' : ']', or_word, word);
    }
    memcpy(field, &value, sizeof value);
    return true;
}

/* Returns true or false for the words that users write for them, else text. */
static const char *normalize_boolean(const char *text)
{
    static const char *const words[][2] = {{"true", "true"}, {"yes", "true"},
                                           {"on", "true"},   {"false", "false"},
                                           {"no", "false"},  {"off", "false"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i][0]) == 0) {
            return words[i][1];
        }
    }
    return text;
}

static bool read_choice(const sn_key *key, const char *text, void *field,
                        char why[SN_KEY_WHY_BYTES])
{
    const bool boolean = strcmp(key->choices[0], "false") == 0;
    const char *wanted = boolean ? normalize_boolean(text) : text;
    for (int i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(key->choices[i], wanted) == 0) {
            memcpy(field, &i, sizeof i);
            return true;
        }
    }
    int length = snprintf(why, SN_KEY_WHY_BYTES, "'%.80s' is not one of", text);
    for (int i = 0; key->choices[i] != NULL; i++) {
        length += snprintf(why + length, SN_KEY_WHY_BYTES - (size_t)length, "%s %s",
                           i == 0 ? "" : ",", key->choices[i]);
    }
    return false;
}

/* Appends the widths in text to those in the field. */
static bool append_widths(const char *text, void *field, char why[SN_KEY_WHY_BYTES])
{
    sn_widths *widths = field;
    const char *position = text;
    while (*position != '\0') {
        char *end;
        errno = 0;
        const long long value = strtoll(position, &end, 10);
        if (end != position && (errno == ERANGE || value > INT_MAX) && value > 0) {
            return refuse(why, "'%.80s': a width is too large; use at most %d", text,
                          INT_MAX);
        }
        if (end == position || errno != 0 || value < 1) {
            return refuse(
                why, "'%.80s' is not a comma-separated list of widths of at least 1",
                text);
        }
        if (widths->count == SN_MAX_HIDDEN) {
            return refuse(why, "more than %d hidden layers; use fewer", SN_MAX_HIDDEN);
        }
        widths->width[widths->count++] = (size_t)value;
        while (isspace((unsigned char)*end)) {
            end++;
        }
        if (*end == ',' && end[1] != '\0') {
            end++;
        } else if (*end != '\0') {
            return refuse(why, "'%.80s' is not a comma-separated list", text);
        }
        position = end;
    }
    return true;
}

static bool append_path(const char *text, char *path, char why[SN_KEY_WHY_BYTES])
{
    if (strlen(path) + strlen(text) >= SN_PATH_BYTES) {
        return refuse(why, "path longer than %d bytes", SN_PATH_BYTES - 1);
    }
    strcat(path, text);
    return true;
}

bool sn_key_read(const sn_key *key, const char *text, sn_config *config,
                 char why[SN_KEY_WHY_BYTES])
{
    void *field = (char *)config + key->offset;
    switch (key->type) {
    case SN_KEY_INTEGER:
        return read_integer(key, text, field, why);
    case SN_KEY_REAL:
        return read_real(key, text, field, why);
    case SN_KEY_CHOICE:
        return read_choice(key, text, field, why);
    case SN_KEY_WIDTHS:
        memset(field, 0, sizeof(sn_widths));
        return append_widths(text, field, why);
    case SN_KEY_PATH:
        *(char *)field = '\0';
        return append_path(text, field, why);
    }
    return false;
}

bool sn_key_append(const sn_key *key, const char *text, sn_config *config,
                   char why[SN_KEY_WHY_BYTES])
{
    void *field = (char *)config + key->offset;
    if (key->type == SN_KEY_PATH) {
        return append_path(text, field, why);
    }
    if (key->type == SN_KEY_WIDTHS && *text == ',') {
        return append_widths(text + 1, field, why);
    }
    return key->type == SN_KEY_WIDTHS
               ? refuse(why, "a list needs ',' before '%.80s' on a continuation line",
                        text)
               : refuse(why,
                        "an indented line continues the value of the line before it, "
                        "which only a path or a list allows; remove the indentation");
}

size_t sn_key_path_line(const char *path)
{
    enum { LONGEST = 180 };
    const size_t rest = strlen(path);
    if (rest <= LONGEST) {
        return rest;
    }
    size_t length = LONGEST;
    while (length > 0 &&
           (path[length - 1] == ' ' || strchr(" ;#", path[length]) != NULL)) {
        length--;
    }
    return length;
}

static void write_path(FILE *out, const char *path)
{
    size_t length = sn_key_path_line(path);
    while (length > 0 && path[length] != '\0') {
        fprintf(out, "%.*s\n    ", (int)length, path);
        path += length;
        length = sn_key_path_line(path);
    }
    fprintf(out, "%s", path);
}

static void write_widths(FILE *out, const sn_widths *widths)
{
    enum { IN_A_LINE = 12 };
    for (size_t i = 0; i < widths->count; i++) {
        const char *before = i % IN_A_LINE == 0 ? "\n    , " : ", ";
        fprintf(out, "%s%zu", i == 0 ? "" : before, widths->width[i]);
    }
}

/* Writes the shortest decimal that reads back as the same number. */
static void write_real(FILE *out, double value)
{
    char text[32];
    int digits = 15;
    do {
        snprintf(text, sizeof text, "%.*g", digits, value);
    } while (strtod(text, NULL) != value && ++digits <= 17);
    fprintf(out, "%s", text);
}

void sn_key_write(FILE *out, const sn_key *key, const sn_config *config)
{
    const char *field = (const char *)config + key->offset;
    int64_t integer;
    double real;
    int choice;
    sn_widths widths;
    switch (key->type) {
    case SN_KEY_INTEGER:
        memcpy(&integer, field, sizeof integer);
        if (key->automatic != NULL && (double)integer < key->min) {
            fprintf(out, "%s", key->automatic);
        } else {
            fprintf(out, "%lld", (long long)integer);
        }
        break;
    case SN_KEY_REAL:
        memcpy(&real, field, sizeof real);
        if (key->automatic != NULL && real < key->min) {
            fprintf(out, "%s", key->automatic);
        } else {
            write_real(out, real);
        }
        break;
    case SN_KEY_CHOICE:
        memcpy(&choice, field, sizeof choice);
        fprintf(out, "%s", key->choices[choice]);
        break;
    case SN_KEY_WIDTHS:
        memcpy(&widths, field, sizeof widths);
        write_widths(out, &widths);
        break;
    case SN_KEY_PATH:
        write_path(out, field);
        break;
    }
}
