/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration: lifecycle, reading of INI text, overrides by --set. */
#include "config/config.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/system/locale.h"
#include "config/ini.h"
#include "config/keys.h"

void sn_config_init(sn_config *config)
{
    memset(config, 0, sizeof *config);
    char why[SN_KEY_WHY_BYTES];
    for (const sn_key *key = sn_keys; key->section != NULL; key++) {
        (void)sn_key_read(key, key->default_text, config, why);
    }
    const char *dir = getenv("SHARDNET_DATA");
    if (dir != NULL) {
        /* sn_config_check refuses a path that is too long */
        strcpy(config->data_dir, strlen(dir) < SN_PATH_BYTES ? dir : "");
        config->origin[sn_key_find("data", "dir") - sn_keys] = SN_ORIGIN_VARIABLE;
    }
}

sn_status sn_config_create(sn_config **config, sn_error *err)
{
    SN_LOCALE_C();
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

/* The state while an INI text is read.  The error with the lowest line is reported. */
typedef struct reader {
    sn_config *config;
    const char *path;
    int seen[SN_CONFIG_KEYS_MAX];
    int line; /* line of the error, INT_MAX if there is none */
    sn_error *err;
} reader;

static SN_PRINTF(3, 4) void note_error(reader *r, int line, const char *format, ...)
{
    char why[SN_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (line < r->line) {
        r->line = line;
        (void)sn_fail(r->err, SN_ECONFIG, "configuration (%s:%d): %s", r->path, line,
                      why);
    }
}

/* Writes "unknown key" and the most similar key, if any, into why; returns why. */
static const char *explain_unknown(const char *section, const char *name,
                                   char why[SN_KEY_WHY_BYTES])
{
    const sn_key *near = sn_key_near(section, name);
    if (near != NULL) {
        snprintf(why, SN_KEY_WHY_BYTES, "unknown key; did you mean %s.%s?",
                 near->section, near->name);
    } else {
        snprintf(why, SN_KEY_WHY_BYTES,
                 "unknown key; `shardnet train --help-config` lists the keys");
    }
    return why;
}

static void read_key(reader *r, bool more, const char *section, const char *name,
                     const char *value, int line)
{
    const sn_key *key = sn_key_find(section, name);
    char why[SN_KEY_WHY_BYTES];
    if (*section == '\0') {
        note_error(r, line, "%.60s: key before the first [section]", name);
        return;
    }
    if (key == NULL) {
        note_error(r, line, "[%.40s] %.60s: %s", section, name,
                   explain_unknown(section, name, why));
        return;
    }
    const size_t index = (size_t)(key - sn_keys);
    if (!more && r->seen[index]++ > 0) {
        note_error(r, line, "[%s] %s: set twice", section, name);
        return;
    }
    if (!more) {
        r->config->origin[index] = line;
    }
    if (!(more ? sn_key_append : sn_key_read)(key, value, r->config, why)) {
        note_error(r, line, "[%s] %s: %s", section, name, why);
    }
}

static void check_section(reader *r, const char *section, int line)
{
    const sn_key *near = sn_key_near(section, NULL);
    if (near == NULL) {
        note_error(r, line,
                   "[%.60s]: unknown section; `shardnet train --help-config` lists the "
                   "sections",
                   section);
    } else if (strcmp(near->section, section) != 0) {
        note_error(r, line, "[%.60s]: unknown section; did you mean [%s]?", section,
                   near->section);
    }
}

static void receive(void *user, sn_ini_item item, const char *section, const char *key,
                    const char *value, int line)
{
    reader *r = user;
    switch (item) {
    case SN_INI_KEY:
    case SN_INI_CONTINUATION:
        read_key(r, item == SN_INI_CONTINUATION, section, key, value, line);
        break;
    case SN_INI_SECTION:
        check_section(r, section, line);
        break;
    case SN_INI_LONG:
        note_error(r, line, "line of more than 199 bytes; make it shorter");
        break;
    case SN_INI_MALFORMED:
        note_error(r, line, "neither [section], key = value nor a comment");
        break;
    }
}

sn_status sn_config_parse(sn_config *config, const char *text, const char *path,
                          sn_error *err)
{
    SN_LOCALE_C();
    reader r = {.config = config, .path = path, .line = INT_MAX, .err = err};
    snprintf(config->origin_path, sizeof config->origin_path, "%s", path);
    for (size_t i = 0; i < SN_CONFIG_KEYS_MAX;
         i++) { /* forget the lines of an earlier text */
        config->origin[i] =
            config->origin[i] > 0 ? SN_ORIGIN_DEFAULT : config->origin[i];
    }
    const sn_status status = sn_ini_read(text, receive, &r, err);
    return status == SN_OK && r.line < INT_MAX ? SN_ECONFIG : status;
}

sn_status sn_config_read(sn_config *config, const char *path, sn_error *err)
{
    SN_LOCALE_C();
    enum { LIMIT = 1 << 20 };
    char *text = malloc(LIMIT + 1);
    if (text == NULL) {
        return sn_fail(err, SN_ENOMEM, "configuration (%s): out of memory", path);
    }
    FILE *file = fopen(path, "rb");
    const size_t bytes = file != NULL ? fread(text, 1, LIMIT + 1, file) : 0;
    sn_status status;
    if (file == NULL || ferror(file)) {
        status =
            sn_fail(err, SN_ENOINPUT, "configuration (%s): %s", path, strerror(errno));
    } else if (bytes > LIMIT || memchr(text, '\0', bytes) != NULL) {
        status = sn_fail(err, SN_ECONFIG,
                         "configuration (%s): not a text file of at most 1 MiB", path);
    } else {
        text[bytes] = '\0';
        status = sn_config_parse(config, text, path, err);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    free(text);
    return status;
}

sn_status sn_config_set(sn_config *config, const char *assignment, sn_error *err)
{
    SN_LOCALE_C();
    char section[64], name[64], why[SN_KEY_WHY_BYTES];
    int end = 0;
    if (sscanf(assignment, "%63[^.=].%63[^=]%n", section, name, &end) != 2 ||
        assignment[end] != '=') {
        return sn_fail(err, SN_ECONFIG,
                       "configuration (--set %s): expected SECTION.KEY=VALUE",
                       assignment);
    }
    const sn_key *key = sn_key_find(section, name);
    if (key == NULL) {
        return sn_fail(err, SN_ECONFIG, "configuration (--set %s): %s", assignment,
                       explain_unknown(section, name, why));
    }
    config->origin[key - sn_keys] = SN_ORIGIN_SET;
    return sn_key_read(key, assignment + end + 1, config, why)
               ? SN_OK
               : sn_config_refuse(config, section, name, err, "%s", why);
}
