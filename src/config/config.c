#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"

static void set_error(sn_error *err, const char *where, const char *why)
{
    (void)sn_fail(err, SN_ECONFIG, "configuration (%s): %s", where, why);
}

static int parse_integer(const sn_key *key, const char *text, void *field,
                         char why[SN_KEY_WHY_BYTES])
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    const char *word = key->automatic == NULL ? "" : key->automatic;
    const char *or_word = key->automatic == NULL ? "" : " or ";
    if (key->automatic != NULL && strcmp(text, key->automatic) == 0) {
        value = 0;
    } else if (end == text || *end != '\0') {
        snprintf(why, SN_KEY_WHY_BYTES, "'%.80s' is not a whole number%s%s", text,
                 or_word, word);
        return 0;
    } else if (errno == ERANGE || (double)value < key->min ||
               (double)value > key->max) {
        snprintf(why, SN_KEY_WHY_BYTES, "%.80s is out of range [%.0f, %.0f]%s%s", text,
                 key->min, key->max, or_word, word);
        return 0;
    }
    int64_t stored = value;
    memcpy(field, &stored, sizeof stored);
    return 1;
}

static int parse_real(const sn_key *key, const char *text, void *field,
                      char why[SN_KEY_WHY_BYTES])
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value)) {
        snprintf(why, SN_KEY_WHY_BYTES, "'%.80s' is not a number", text);
        return 0;
    }
    if (value == 0 && errno == ERANGE) {
        snprintf(why, SN_KEY_WHY_BYTES, "%.80s is too small for a number other than 0",
                 text);
        return 0;
    }
    if (value < key->min || value > key->max || (key->max_open && value == key->max)) {
        snprintf(why, SN_KEY_WHY_BYTES, "%.80s is out of range [%g, %g%c", text,
                 key->min, key->max, key->max_open ? ')' : ']');
        return 0;
    }
    memcpy(field, &value, sizeof value);
    return 1;
}

static int parse_choice(const sn_key *key, const char *text, void *field,
                        char why[SN_KEY_WHY_BYTES])
{
    for (int i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(key->choices[i], text) == 0) {
            memcpy(field, &i, sizeof i);
            return 1;
        }
    }
    int length = snprintf(why, SN_KEY_WHY_BYTES, "'%.80s' is not one of", text);
    for (int i = 0; key->choices[i] != NULL; i++) {
        length += snprintf(why + length, SN_KEY_WHY_BYTES - (size_t)length, "%s %s",
                           i == 0 ? "" : ",", key->choices[i]);
    }
    return 0;
}

static int parse_widths(const char *text, void *field, char why[SN_KEY_WHY_BYTES])
{
    sn_widths widths = {0};
    const char *position = text;
    while (*position != '\0') {
        char *end;
        errno = 0;
        long long value = strtoll(position, &end, 10);
        if (end != position && (errno == ERANGE || value > INT_MAX) && value > 0) {
            snprintf(why, SN_KEY_WHY_BYTES, "'%.80s': a width is too large, at most %d",
                     text, INT_MAX);
            return 0;
        }
        if (end == position || errno != 0 || value < 1) {
            snprintf(why, SN_KEY_WHY_BYTES,
                     "'%.80s' is not a comma list of widths of at least 1", text);
            return 0;
        }
        if (widths.count == SN_MAX_HIDDEN) {
            snprintf(why, SN_KEY_WHY_BYTES, "more than %d hidden layers",
                     SN_MAX_HIDDEN);
            return 0;
        }
        widths.width[widths.count++] = (size_t)value;
        while (isspace((unsigned char)*end)) {
            end++;
        }
        if (*end == ',' && end[1] != '\0') {
            end++;
        } else if (*end != '\0') {
            snprintf(why, SN_KEY_WHY_BYTES, "'%.80s' is not a comma list", text);
            return 0;
        }
        position = end;
    }
    memcpy(field, &widths, sizeof widths);
    return 1;
}

static int parse_path(const char *text, void *field, char why[SN_KEY_WHY_BYTES])
{
    const size_t length = strlen(text);
    if (length >= SN_PATH_BYTES) {
        snprintf(why, SN_KEY_WHY_BYTES, "path longer than %d bytes", SN_PATH_BYTES - 1);
        return 0;
    }
    strcpy(field, text);
    return 1;
}

/* 1, or 0 with why. */
static int store_value(sn_config *config, const sn_key *key, const char *text,
                       char why[SN_KEY_WHY_BYTES])
{
    void *field = (char *)config + key->offset;
    switch (key->type) {
    case SN_KEY_INTEGER:
        return parse_integer(key, text, field, why);
    case SN_KEY_REAL:
        return parse_real(key, text, field, why);
    case SN_KEY_CHOICE:
        return parse_choice(key, text, field, why);
    case SN_KEY_WIDTHS:
        return parse_widths(text, field, why);
    case SN_KEY_PATH:
        return parse_path(text, field, why);
    }
    return 0;
}

void sn_config_init(sn_config *config)
{
    memset(config, 0, sizeof *config);
    char why[SN_KEY_WHY_BYTES];
    for (const sn_key *key = sn_keys; key->section != NULL; key++) {
        store_value(config, key, key->standard, why);
    }
    const char *dir = getenv("SHARDNET_DATA");
    if (dir != NULL && strlen(dir) < SN_PATH_BYTES) {
        strcpy(config->data_dir, dir);
        config->origin[sn_key_find("data", "dir") - sn_keys] = SN_ORIGIN_VARIABLE;
    }
}

sn_status sn_config_create(sn_config **config, sn_error *err)
{
    *config = malloc(sizeof **config);
    if (*config == NULL) {
        return sn_fail(err, SN_ENOMEM, "configuration: out of memory");
    }
    sn_config_init(*config);
    return SN_OK;
}

void sn_config_destroy(sn_config **config)
{
    free(*config);
    *config = NULL;
}

/* State of one libinih run: lines are counted as they are handed out, so that the
 * handler knows where it is. */
typedef struct reader {
    sn_config *config;
    const char *path;
    const char *rest;
    int line;
    bool continues; /* the line is indented: libinih gives it to the key before */
    int long_line;
    int failed_line; /* of the key that was refused, 0 for none */
    int seen[SN_CONFIG_KEYS_MAX];
    char section[SN_KEY_WHY_BYTES]; /* an unknown one without a key so far, or "" */
    int section_line;
    sn_error *err;
} reader;

/* A refusal at a line; the first one stays. */
static int refuse_line(reader *r, int line, const char *why)
{
    if (r->failed_line == 0) {
        r->failed_line = line;
        char where[SN_PATH_BYTES + 32];
        snprintf(where, sizeof where, "%s:%d", r->path, line);
        set_error(r->err, where, why);
    }
    return 0;
}

/* libinih does not tell of sections without keys. */
static void end_section(reader *r)
{
    if (r->section[0] != '\0') {
        char why[2 * SN_KEY_WHY_BYTES];
        snprintf(why, sizeof why,
                 "[%.60s]: unknown section; `shardnet train --help-config` lists them",
                 r->section);
        (void)refuse_line(r, r->section_line, why);
    }
    r->section[0] = '\0';
}

/* Takes in a line that begins a section; an indented one may belong to a value. */
static void note_section(reader *r, const char *line)
{
    const size_t length = strcspn(line, "]");
    if (*line != '[' || line[length] != ']') {
        return;
    }
    end_section(r);
    snprintf(r->section, sizeof r->section, "%.*s", (int)length - 1, line + 1);
    r->section_line = r->line;
    if (sn_key_has_section(r->section)) {
        r->section[0] = '\0';
    }
}

static char *next_line(char *buffer, int bytes, void *user)
{
    reader *r = user;
    if (*r->rest == '\0') {
        end_section(r);
        return NULL;
    }
    size_t length = strcspn(r->rest, "\n");
    r->line++;
    size_t copied = length < (size_t)bytes - 1 ? length : (size_t)bytes - 1;
    if (copied < length && r->long_line == 0) {
        r->long_line = r->line;
    }
    r->continues = copied > 0 && isspace((unsigned char)*r->rest);
    memcpy(buffer, r->rest, copied);
    buffer[copied] = '\0';
    note_section(r, buffer);
    r->rest += length + (r->rest[length] == '\n');
    return buffer;
}

static int refuse(reader *r, const char *section, const char *name, const char *why)
{
    char text[2 * SN_KEY_WHY_BYTES];
    snprintf(text, sizeof text, "[%.40s] %.60s: %s", section, name, why);
    return refuse_line(r, r->line, text);
}

/* A path longer than a line goes on in indented lines. */
static int append_path(char *path, const char *text, char why[SN_KEY_WHY_BYTES])
{
    if (strlen(path) + strlen(text) >= SN_PATH_BYTES) {
        snprintf(why, SN_KEY_WHY_BYTES, "path longer than %d bytes", SN_PATH_BYTES - 1);
        return 0;
    }
    strcat(path, text);
    return 1;
}

/* So does a list, each line after the first with a comma before it. */
static int append_widths(sn_widths *widths, const char *text,
                         char why[SN_KEY_WHY_BYTES])
{
    sn_widths more = {0};
    if (*text != ',') {
        snprintf(why, SN_KEY_WHY_BYTES, "a list that goes on needs ',' before '%.80s'",
                 text);
        return 0;
    }
    if (!parse_widths(text + 1, &more, why)) {
        return 0;
    }
    if (more.count > SN_MAX_HIDDEN - widths->count) {
        snprintf(why, SN_KEY_WHY_BYTES, "more than %d hidden layers", SN_MAX_HIDDEN);
        return 0;
    }
    memcpy(widths->width + widths->count, more.width, more.count * sizeof *more.width);
    widths->count += more.count;
    return 1;
}

static int append_value(sn_config *config, const sn_key *key, const char *text,
                        char why[SN_KEY_WHY_BYTES])
{
    void *field = (char *)config + key->offset;
    if (key->type == SN_KEY_PATH) {
        return append_path(field, text, why);
    }
    if (key->type == SN_KEY_WIDTHS) {
        return append_widths(field, text, why);
    }
    snprintf(
        why, SN_KEY_WHY_BYTES,
        "an indented line continues the one before, which only a path or a list may "
        "need");
    return 0;
}

static int handle_key(void *user, const char *section, const char *name,
                      const char *value)
{
    reader *r = user;
    const sn_key *key = sn_key_find(section, name);
    r->section[0] = '\0';
    if (*section == '\0') {
        char text[SN_KEY_WHY_BYTES];
        snprintf(text, sizeof text, "%.60s: a key before any [section]", name);
        return refuse_line(r, r->line, text);
    }
    if (key == NULL) {
        return refuse(r, section, name,
                      "unknown key; `shardnet train --help-config` lists the keys");
    }
    size_t index = (size_t)(key - sn_keys);
    char why[SN_KEY_WHY_BYTES];
    if (r->continues && r->seen[index] > 0) {
        return append_value(r->config, key, value, why) ? 1
                                                        : refuse(r, section, name, why);
    }
    if (r->seen[index]++ > 0) {
        return refuse(r, section, name, "set twice");
    }
    r->config->origin[index] = r->line;
    return store_value(r->config, key, value, why) ? 1 : refuse(r, section, name, why);
}

sn_status sn_config_parse(sn_config *config, const char *text, const char *path,
                          sn_error *err)
{
    reader r = {.config = config, .path = path, .rest = text, .err = err};
    snprintf(config->origin_path, sizeof config->origin_path, "%s", path);
    for (size_t i = 0; i < SN_CONFIG_KEYS_MAX; i++) { /* lines of a text before */
        config->origin[i] =
            config->origin[i] > 0 ? SN_ORIGIN_DEFAULT : config->origin[i];
    }
    /* the first line that libinih or the handler refused */
    const int bad_line = ini_parse_stream(next_line, &r, handle_key, &r);
    const int malformed = bad_line > 0 ? bad_line : INT_MAX;
    const int refused = r.failed_line > 0 ? r.failed_line : INT_MAX;
    const int too_long = r.long_line > 0 ? r.long_line : INT_MAX;
    if (refused < too_long && refused <= malformed) {
        return SN_ECONFIG;
    }
    if (malformed < INT_MAX || too_long < INT_MAX) {
        char where[SN_PATH_BYTES + 32];
        const bool is_long = too_long <= malformed;
        snprintf(where, sizeof where, "%s:%d", path, is_long ? too_long : malformed);
        set_error(err, where,
                  is_long ? "line too long for an INI file (199 bytes)"
                          : "not a section, a key = value or a comment");
        return SN_ECONFIG;
    }
    if (bad_line < 0) {
        return sn_fail(err, SN_ENOMEM, "configuration (%s): out of memory", path);
    }
    return SN_OK;
}

sn_status sn_config_read(sn_config *config, const char *path, sn_error *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return sn_fail(err, SN_ENOINPUT, "configuration (%s): %s", path,
                       strerror(errno));
    }
    enum { LIMIT = 1 << 20 };
    char *text = malloc(LIMIT + 1);
    sn_status status = SN_OK;
    size_t bytes = 0;
    if (text == NULL) {
        status = sn_fail(err, SN_ENOMEM, "configuration (%s): out of memory", path);
    } else {
        bytes = fread(text, 1, LIMIT + 1, file);
        if (ferror(file)) {
            status = sn_fail(err, SN_ENOINPUT, "configuration (%s): %s", path,
                             strerror(errno));
        } else if (bytes > LIMIT || memchr(text, '\0', bytes) != NULL) {
            status = sn_fail(err, SN_ECONFIG,
                             "configuration (%s): not a text file of at "
                             "most 1 MiB",
                             path);
        }
    }
    if (status == SN_OK) {
        text[bytes] = '\0';
        status = sn_config_parse(config, text, path, err);
    }
    free(text);
    fclose(file);
    return status;
}

sn_status sn_config_set(sn_config *config, const char *assignment, sn_error *err)
{
    const char *dot = strchr(assignment, '.'), *equals = strchr(assignment, '=');
    char section[64], name[64], why[SN_KEY_WHY_BYTES];
    if (dot == NULL || equals == NULL || dot > equals ||
        dot - assignment >= (ptrdiff_t)sizeof section ||
        equals - dot > (ptrdiff_t)sizeof name) {
        return sn_fail(err, SN_ECONFIG,
                       "configuration (--set %s): expected SECTION.KEY=VALUE",
                       assignment);
    }
    snprintf(section, sizeof section, "%.*s", (int)(dot - assignment), assignment);
    snprintf(name, sizeof name, "%.*s", (int)(equals - dot - 1), dot + 1);
    const sn_key *key = sn_key_find(section, name);
    if (key == NULL) {
        return sn_fail(err, SN_ECONFIG,
                       "configuration (--set %s): unknown key; `shardnet train "
                       "--help-config` lists the keys",
                       assignment);
    }
    config->origin[key - sn_keys] = SN_ORIGIN_SET;
    return store_value(config, key, equals + 1, why)
               ? SN_OK
               : sn_config_refuse(config, section, name, err, "%s", why);
}
