/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/text/utf8.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

size_t sn_utf8_length(const char *chars, size_t bytes)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *text = (const unsigned char *)chars, first = text[0];
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

void sn_json_print_string(FILE *out, const char *text)
{
    size_t bytes = strlen(text);
    fputc('"', out);
    while (bytes > 0) {
        const size_t valid = sn_utf8_length(text, bytes);
        const size_t length = valid > 0 ? valid : 1;
        if (valid == 0) {
            fputs("\\ufffd", out);
        } else if ((unsigned char)*text < ' ' || *text == 127) {
            fprintf(out, "\\u%04x", (unsigned)*text);
        } else {
            fputs(*text == '"' || *text == '\\' ? "\\" : "", out);
            fwrite(text, 1, length, out);
        }
        text += length;
        bytes -= length;
    }
    fputc('"', out);
}

void sn_json_print_number(FILE *out, double value)
{
    if (isfinite(value)) {
        fprintf(out, "%.9g", value);
    } else {
        fputs("null", out);
    }
}
