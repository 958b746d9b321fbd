/* SPDX-License-Identifier: BSD-3-Clause */
/** PNG files of every colour type, for tests. */
#ifndef SHARDNET_TESTS_MAKE_PNG_H
#define SHARDNET_TESTS_MAKE_PNG_H

#include <png.h>

/** What to write.  rows (height, bytes a row): samples as PNG packs them, the highest
 *  bit and byte first; row_bytes of make_png_row_bytes. */
typedef struct png_spec {
    unsigned width, height;
    int depth;  /* bits of a sample */
    int colour; /* PNG_COLOR_TYPE_... */
    int interlaced;
    const uint8_t *rows;
    const png_color *palette; /* (entries) or NULL */
    const png_byte *alpha;    /* (entries) of the palette, or NULL */
    int entries;
    const png_color_16 *transparent; /* a value that is transparent, or NULL */
} png_spec;

/** Samples of a pixel. */
int make_png_channels(int colour);

/** Bytes of a packed row. */
size_t make_png_row_bytes(const png_spec *spec);

/** Writes the file; ends the process when that fails. */
void make_png(const char *path, const png_spec *spec);

#endif
