/* SPDX-License-Identifier: BSD-3-Clause */
/** The INI format (internal to config).  This is the only user of libinih.
 *
 *      [section]
 *      key = value ; comment
 *          more of the value, which the caller joins
 *      # comment
 */
#ifndef SHARDNET_CONFIG_INI_H
#define SHARDNET_CONFIG_INI_H

#include "shardnet/status.h"

typedef enum sn_ini_item {
    SN_INI_KEY,       /* key = value */
    SN_INI_MORE,      /* an indented line with more of the value of the key before it */
    SN_INI_SECTION,   /* a section that ends without a key; key and value are NULL */
    SN_INI_LONG,      /* a line of more than 199 bytes, which is ignored; no texts */
    SN_INI_MALFORMED, /* the first line that is none of these and no comment; no texts */
} sn_ini_item;

/** Takes one item.  line counts from 1; the texts hold during the call. */
typedef void sn_ini_take(void *user, sn_ini_item item, const char *section,
                         const char *key, const char *value, int line);

/** Hands the items of text to take: keys in the order of their lines, a section at its
 *  end, the malformed line last.  SN_ENOMEM. */
sn_status sn_ini_read(const char *text, sn_ini_take *take, void *user,
                      sn_error *err) SN_MUST_CHECK;

#endif
