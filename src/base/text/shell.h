/* SPDX-License-Identifier: BSD-3-Clause */
/** Quotes words of a command line that a person copies into a shell.  Not collective. */
#ifndef SHARDNET_BASE_TEXT_SHELL_H
#define SHARDNET_BASE_TEXT_SHELL_H

#include "shardnet/status.h"

/** A quoted path needs at most this number of bytes. */
enum { SN_QUOTED_BYTES = 4 * SN_PATH_BYTES + 3 };

/** Writes word, which has fewer than SN_PATH_BYTES bytes, into quoted as a POSIX shell
 *  reads it: in single quotes if it has other bytes than letters, digits and
 *  `%+,-./:=@_`, or is empty.  Returns quoted. */
const char *sn_shell_quote(const char *word, char quoted[SN_QUOTED_BYTES]);

#endif
