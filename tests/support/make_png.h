/* SPDX-License-Identifier: BSD-3-Clause */
/** PNG files of every colour type, for tests. */
#ifndef SHARDNET_TESTS_MAKE_PNG_H
#define SHARDNET_TESTS_MAKE_PNG_H

#include <png.h>

/** A picture.  rows (height, make_png_row_bytes): samples packed as in a PNG file, the
 *  highest bit and byte first. */
typedef struct png_spec {
    unsigned width, height;
    int depth;  /* bits per sample */
    int colour; /* PNG_COLOR_TYPE_... */
    int interlaced;
    const uint8_t *rows;
    const png_color *palette; /* (entries) or NULL */
    const png_byte *alpha;    /* (entries), alpha of the palette, or NULL */
    int entries;
    const png_color_16 *transparent; /* the transparent colour, or NULL */
} png_spec;

/** Returns the number of samples per pixel. */
int make_png_channels(int colour);

/** Returns the bytes of a packed row. */
size_t make_png_row_bytes(const png_spec *spec);

/** Writes the file; ends the process on an error. */
void make_png(const char *path, const png_spec *spec);

#endif
