/* SPDX-License-Identifier: BSD-3-Clause */
/** The INI format (internal to config).  This is the only user of libinih.
 *
 *      [section]
 *      key = value ; comment
 *      list = 1, 2 # comment
 *          , 3
 *
 *  Keys and sections may be indented.  An indented line that is neither continues the
 *  last value.  Line ends are LF or CRLF; a UTF-8 byte order mark is ignored. */
#ifndef SHARDNET_CONFIG_INI_H
#define SHARDNET_CONFIG_INI_H

#include "shardnet/status.h"

typedef enum sn_ini_item {
    SN_INI_KEY,          /* key = value */
    SN_INI_CONTINUATION, /* an indented line: more of the last value */
    SN_INI_SECTION,      /* a section without keys; key and value are NULL */
    SN_INI_LONG,      /* an ignored line of more than 199 bytes; all texts are NULL */
    SN_INI_MALFORMED, /* the first line with a syntax error; all texts are NULL */
} sn_ini_item;

/** The callback for one item.  line counts from 1; the texts are valid during the
 *  call. */
typedef void sn_ini_receive(void *user, sn_ini_item item, const char *section,
                            const char *key, const char *value, int line);

/** Calls receive for each item of text: keys in the order of their lines, a section
 *  without keys at its end, the malformed line last.  Errors: SN_ENOMEM. */
sn_status sn_ini_read(const char *text, sn_ini_receive *receive, void *user,
                      sn_error *err) SN_MUST_CHECK;

#endif
