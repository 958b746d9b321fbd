/* SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "make_png.h"

int make_png_channels(int colour)
{
    return colour == PNG_COLOR_TYPE_RGB          ? 3
           : colour == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
           : colour == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                 : 1;
}

size_t make_png_row_bytes(const png_spec *spec)
{
    const size_t bits = (size_t)make_png_channels(spec->colour) * (size_t)spec->depth;
    return (spec->width * bits + 7) / 8;
}

/* Without setjmp, libpng prints its error message and ends the process. */
void make_png(const char *path, const png_spec *spec)
{
    FILE *file = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    if (file == NULL || info == NULL) {
        fprintf(stderr, "cannot write %s\n", path);
        abort();
    }
    png_init_io(png, file);
    png_set_IHDR(png, info, spec->width, spec->height, spec->depth, spec->colour,
                 spec->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (spec->palette != NULL) {
        png_set_PLTE(png, info, spec->palette, spec->entries);
    }
    if (spec->alpha != NULL || spec->transparent != NULL) {
        png_set_tRNS(png, info, spec->alpha, spec->entries, spec->transparent);
    }
    png_write_info(png, info);
    const size_t row_bytes = make_png_row_bytes(spec);
    for (int pass = png_set_interlace_handling(png); pass > 0; pass--) {
        for (unsigned i = 0; i < spec->height; i++) {
            png_write_row(png, spec->rows + i * row_bytes);
        }
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    if (fclose(file) != 0) {
        fprintf(stderr, "cannot write %s\n", path);
        abort();
    }
}
