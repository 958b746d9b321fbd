/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/report/html.h"

#include <stdbool.h>
#include <string.h>

#include "base/text/utf8.h"

/* Returns the replacement of an ASCII character, NULL if it needs none. */
static const char *replacement(char c)
{
    static const char marks[] = "&<>\"'";
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    const char *mark = strchr(marks, c);
    const bool control = (c >= 0 && c < ' ' && c != '\n' && c != '\t') || c == 127;
    return mark != NULL ? names[mark - marks] : control ? "&#65533;" : NULL;
}

void sn_html_text(FILE *out, const char *text, size_t bytes)
{
    const char *next = text;
    size_t left = strnlen(text, bytes);
    while (left > 0) {
        size_t length = sn_utf8_length(next, left);
        const char *other = length == 1   ? replacement(*next)
                            : length == 0 ? "&#65533;"
                                          : NULL;
        length = length > 0 ? length : 1;
        if (other != NULL) {
            fputs(other, out);
        } else {
            fwrite(next, 1, length, out);
        }
        next += length;
        left -= length;
    }
}
