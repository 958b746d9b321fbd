/* SPDX-License-Identifier: BSD-3-Clause */
/** The keys in which configurations differ (internal to cli). */
#ifndef SHARDNET_CLI_REPORT_DIFFERENCES_H
#define SHARDNET_CLI_REPORT_DIFFERENCES_H

#include <stdbool.h>
#include <stddef.h>

#include "shardnet/status.h"

typedef struct sn_difference {
    char *name;   /* "section.key"; owned */
    char **value; /* (count of the texts): NULL if the text lacks the key; owned */
} sn_difference;

typedef struct sn_differences {
    sn_difference *key; /* (keys) */
    size_t keys;
    size_t count; /* number of texts */
} sn_differences;

/** Lists the keys that do not have the same value in all texts (count) of sn_config_text.
 *  A text may be NULL: it has no values.  The caller clears *found, also on failure.
 *  Errors: SN_ENOMEM. */
sn_status sn_differences_find(const char *const *texts, size_t count,
                              sn_differences *found, sn_error *err) SN_MUST_CHECK;

/** Frees the contents of *found. */
void sn_differences_clear(sn_differences *found);

#endif
