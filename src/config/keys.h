/* SPDX-License-Identifier: BSD-3-Clause */
/** The table of keys (internal to config). */
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
    size_t offset;        /* in sn_config */
    const char *standard; /* the default, as text */
    double min, max;
    int max_open;               /* max itself is excluded */
    const char *const *choices; /* NULL-terminated */
    const char *automatic;      /* the word that an integer key writes for 0 */
    const char *help;
} sn_key;

/** Ends with a NULL section. */
extern const sn_key sn_keys[];

/** NULL for no such key. */
const sn_key *sn_key_find(const char *section, const char *name);

/** The key that a person most likely meant who wrote an unknown one, NULL for none: one
 *  that is spelled alike, or the key of this name in another section.  Without a name,
 *  the first key of a section that is spelled alike. */
const sn_key *sn_key_near(const char *section, const char *name);

/** Reads text into the key's field of config; false, with the reason in why, where it
 *  is no value of the key. */
bool sn_key_read(const sn_key *key, const char *text, sn_config *config,
                 char why[SN_KEY_WHY_BYTES]);

/** Appends text, a further line, to the value in the key's field. */
bool sn_key_append(const sn_key *key, const char *text, sn_config *config,
                   char why[SN_KEY_WHY_BYTES]);

/** Writes the value as sn_key_read and sn_key_append read it back. */
void sn_key_write(FILE *out, const sn_key *key, const sn_config *config);

/** The bytes of a path that may stand on one line of an INI file: all, or up to a place
 *  where a new line loses no white space and starts no comment; 0 where none is. */
size_t sn_key_path_piece(const char *path);

#endif
