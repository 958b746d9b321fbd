/* SPDX-License-Identifier: BSD-3-Clause */
/** The parts of a page: text, cells of tables, its beginning and end (internal to cli).
 *  A page is one file in the light or dark colours of the browser. */
#ifndef SHARDNET_CLI_REPORT_HTML_H
#define SHARDNET_CLI_REPORT_HTML_H

#include <stddef.h>
#include <stdio.h>

/** Writes text, up to its zero or at most bytes, as plain text for HTML elements and
 *  quoted attributes.  The function escapes markup; control characters other than
 *  newline and tab, and invalid UTF-8, become U+FFFD. */
void sn_html_text(FILE *out, const char *text, size_t bytes);

/** Writes words as text between two fragments of HTML. */
void sn_html_words(FILE *out, const char *before, const char *words, const char *after);

/** Writes the value of a key between two fragments of HTML.  Writes "(not set)" if value
 *  is NULL and "(empty)" if it is empty. */
void sn_html_setting(FILE *out, const char *before, const char *value,
                     const char *after);

/** Writes a cell with this number of decimals; NaN, not measured, becomes a dash. */
void sn_html_cell(FILE *out, double value, int decimals);

/** Writes a plot and its caption, which is HTML; nothing if svg is NULL. */
void sn_html_plot(FILE *out, const char *svg, const char *caption);

/** Writes the beginning of the page; title is text.  Its style sheet stays open for more
 *  rules. */
void sn_html_begin(FILE *out, const char *title);

/** Writes the end of the style sheet and the heading. */
void sn_html_heading(FILE *out, const char *title);

/** Writes the end of the page, with version and time. */
void sn_html_end(FILE *out);

#endif
