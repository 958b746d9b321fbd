/* SPDX-License-Identifier: BSD-3-Clause */
/** Text from elsewhere on a page (internal to cli). */
#ifndef SHARDNET_CLI_REPORT_HTML_H
#define SHARDNET_CLI_REPORT_HTML_H

#include <stddef.h>
#include <stdio.h>

/** Writes at most bytes of the text, up to a zero, so that it is nothing but text in
 *  HTML, in elements and quoted attributes alike: markup is escaped; control characters
 *  but newline and tab, and what is no UTF-8, become U+FFFD. */
void sn_html_text(FILE *out, const char *text, size_t bytes);

#endif
