/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/report/html.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Returns the length of the UTF-8 character at text (bytes), or 0 if it is invalid: cut
 * off, overlong, a surrogate or beyond U+10FFFF (RFC 3629). */
static size_t character_bytes(const unsigned char *text, size_t bytes)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char first = text[0];
    const size_t length = first < 0x80             ? 1
                          : (first & 0xe0) == 0xc0 ? 2
                          : (first & 0xf0) == 0xe0 ? 3
                          : (first & 0xf8) == 0xf0 ? 4
                                                   : 0;
    if (length < 2 || length > bytes) {
        return length <= bytes ? length : 0;
    }
    uint32_t code = first & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (text[i] & 0x3fu);
    }
    const int surrogate = code >= 0xd800 && code <= 0xdfff;
    return code >= least[length] && code <= 0x10ffff && !surrogate ? length : 0;
}

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
    const unsigned char *next = (const unsigned char *)text;
    size_t left = strnlen(text, bytes);
    while (left > 0) {
        size_t length = character_bytes(next, left);
        const char *other = length == 1   ? replacement((char)*next)
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
