/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/export/protobuf.h"

#include <limits.h>
#include <string.h>

#include "eval/export/export.h"

enum { VARINT = 0, LENGTH_DELIMITED = 2, LENGTH_BYTES = 5 };

static void write_varint(FILE *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        fputc((int)(value & 0x7f) | 0x80, out);
    }
    fputc((int)value, out);
}

static void write_tag(FILE *out, unsigned field, unsigned type)
{
    write_varint(out, field << 3 | type);
}

void sn_protobuf_integer(sn_protobuf *to, unsigned field, uint64_t value)
{
    write_tag(to->out, field, VARINT);
    write_varint(to->out, value);
}

void sn_protobuf_text(sn_protobuf *to, unsigned field, const char *text)
{
    const size_t bytes = strlen(text);
    write_tag(to->out, field, LENGTH_DELIMITED);
    write_varint(to->out, bytes);
    fwrite(text, 1, bytes, to->out);
}

long sn_protobuf_begin(sn_protobuf *to, unsigned field)
{
    static const char place[LENGTH_BYTES] = {0};
    write_tag(to->out, field, LENGTH_DELIMITED);
    fwrite(place, 1, sizeof place, to->out);
    return ftell(to->out);
}

/* A varint may end in zeros, so that every length fits the bytes that wait for it. */
void sn_protobuf_end(sn_protobuf *to, long position)
{
    unsigned char varint[LENGTH_BYTES];
    const long length = ftell(to->out) - position;
    for (unsigned k = 0; k < LENGTH_BYTES; k++) {
        const unsigned more = k + 1 < LENGTH_BYTES ? 0x80 : 0;
        varint[k] = (unsigned char)(((uint64_t)length >> 7 * k & 0x7f) | more);
    }
    to->failed |=
        length < 0 || length > INT_MAX ||
        !sn_export_patch(to->out, position - LENGTH_BYTES, varint, sizeof varint);
}
