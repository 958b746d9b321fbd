/* SPDX-License-Identifier: BSD-3-Clause */
/** UTF-8, and values of JSON.  Paths and messages can hold any bytes. */
#ifndef SHARDNET_BASE_TEXT_UTF8_H
#define SHARDNET_BASE_TEXT_UTF8_H

#include <stddef.h>
#include <stdio.h>

/** Returns the length of the UTF-8 character at text (bytes), or 0 if it is invalid:
 *  cut off, overlong, a surrogate or beyond U+10FFFF (RFC 3629). */
size_t sn_utf8_length(const char *text, size_t bytes);

/** Writes text as a JSON string, quotes included (RFC 8259).  Control characters are
 *  escaped; each byte that is not valid UTF-8 becomes U+FFFD. */
void sn_json_print_string(FILE *out, const char *text);

/** Writes value with nine significant digits, or null if it is not finite. */
void sn_json_print_number(FILE *out, double value);

#endif
