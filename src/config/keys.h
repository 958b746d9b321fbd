/* SPDX-License-Identifier: BSD-3-Clause */
/** The table of keys: internal to config; the generator of the man page reads it too.
 */
#ifndef SHARDNET_CONFIG_KEYS_H
#define SHARDNET_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "shardnet/config.h"

enum { SN_KEY_WHY_BYTES = 256 };

typedef enum sn_key_type {
    SN_KEY_INTEGER, /* int64_t */
    SN_KEY_REAL,    /* double */
    SN_KEY_CHOICE,  /* int, an index into choices */
    SN_KEY_WIDTHS,  /* sn_widths */
    SN_KEY_PATH     /* char[SN_PATH_BYTES] */
} sn_key_type;

typedef struct sn_key {
    const char *section, *name;
    sn_key_type type;
    size_t offset;            /* offset in sn_config */
    const char *default_text; /* the default, as text */
    double min, max;
    int max_open;               /* true: the range excludes max */
    const char *const *choices; /* names, terminated by NULL */
    const char *automatic;      /* the word for min - 1 of a number, or NULL */
    const char *help;
} sn_key;

/** All keys; the section of the last row is NULL. */
extern const sn_key sn_keys[];

/** Returns the key, NULL if it is unknown. */
const sn_key *sn_key_find(const char *section, const char *name);

/** Returns true if both texts are the same value of the key.  Other versions of the
 *  program write the same number with other digits.  key may be NULL. */
bool sn_key_is_same(const sn_key *key, const char *a, const char *b);

/** Returns the key that is most similar to an unknown one, NULL if there is none: a
 *  key with a similar spelling, or the key of this name in another section.  If name
 *  is NULL, the function returns the first key of the section with the most similar
 *  name. */
const sn_key *sn_key_near(const char *section, const char *name);

/** Prints the type and the range of the key: "integer in [1, 65536]". */
void sn_key_print_range(FILE *out, const sn_key *key);

/** Reads text into the key's field of config.  Returns false and writes the reason into
 *  why if text is not a value of the key. */
bool sn_key_read(const sn_key *key, const char *text, sn_config *config,
                 char why[SN_KEY_WHY_BYTES]);

/** Appends text, a continuation line, to the value in the key's field.  Returns false
 *  and writes the reason into why on failure. */
bool sn_key_append(const sn_key *key, const char *text, sn_config *config,
                   char why[SN_KEY_WHY_BYTES]);

/** Writes the value in the form that sn_key_read and sn_key_append read. */
void sn_key_write(FILE *out, const sn_key *key, const sn_config *config);

/** Returns the number of bytes of path that fit on one line of an INI file.  The line
 *  ends where the next one loses no white space and starts no comment; the function
 *  returns 0 if there is no such place. */
size_t sn_key_path_line(const char *path);

#endif
