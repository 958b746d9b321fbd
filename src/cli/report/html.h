/* SPDX-License-Identifier: BSD-3-Clause */
/** Escaping of text for HTML (internal to cli). */
#ifndef SHARDNET_CLI_REPORT_HTML_H
#define SHARDNET_CLI_REPORT_HTML_H

#include <stddef.h>
#include <stdio.h>

/** Writes text, up to its zero or at most bytes, as plain text for HTML elements and
 *  quoted attributes.  The function escapes markup; control characters other than
 *  newline and tab, and invalid UTF-8, become U+FFFD. */
void sn_html_text(FILE *out, const char *text, size_t bytes);

#endif
