/* SPDX-License-Identifier: BSD-3-Clause */
/* draw_pictures IMAGES FOLDER COUNT KIND FACTOR dark|bright: writes the first COUNT
 * images of an IDX file as FOLDER/00000.png, FOLDER/00001.png ..., or .pgm.  KIND is a
 * name in the table below.  With FACTOR 0 the images are not changed; otherwise they
 * are scaled by FACTOR and drawn at some place on paper of 48 FACTOR x 40 FACTOR
 * pixels, dark on bright or bright on dark. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include "data/formats/idx.h"
#include "make_png.h"

static const struct {
    const char *name;
    int colour, depth, interlaced; /* depth 0: PGM */
} kinds[] = {
    {"png", PNG_COLOR_TYPE_GRAY, 8, 0}, {"png16", PNG_COLOR_TYPE_GRAY, 16, 1},
    {"rgb", PNG_COLOR_TYPE_RGB, 8, 1},  {"rgba", PNG_COLOR_TYPE_RGB_ALPHA, 8, 0},
    {"pgm", PNG_COLOR_TYPE_GRAY, 0, 0},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

typedef struct paper {
    size_t rows, cols;
    uint8_t *grey;
} paper;

static void *require(void *pointer, const char *what)
{
    if (pointer == NULL) {
        fprintf(stderr, "draw_pictures: %s\n", what);
        exit(1);
    }
    return pointer;
}

/* Returns the value of the image at a point, by bilinear interpolation; black
 * outside. */
static double value_at(const uint8_t *image, const sn_idx_header *header, double row,
                       double col)
{
    const double top = floor(row), left = floor(col);
    double sum = 0;
    for (int k = 0; k < 4; k++) {
        const double r = top + k / 2, c = left + k % 2;
        if (r >= 0 && c >= 0 && r < (double)header->size[1] &&
            c < (double)header->size[2]) {
            sum += (1 - fabs(row - r)) * (1 - fabs(col - c)) *
                   image[(size_t)r * header->size[2] + (size_t)c];
        }
    }
    return sum;
}

/* Draws the image on paper; its place depends on number. */
static void draw(const uint8_t *image, const sn_idx_header *header, double factor,
                 int dark, size_t number, paper *sheet)
{
    const double room_down = (double)sheet->rows - factor * (double)header->size[1];
    const double room_across = (double)sheet->cols - factor * (double)header->size[2];
    const double top = floor(room_down * (double)(number % 17) / 16);
    const double left = floor(room_across * (double)(number % 13) / 12);
    for (size_t i = 0; i < sheet->rows * sheet->cols; i++) {
        const double row = ((double)(i / sheet->cols) + 0.5 - top) / factor - 0.5;
        const double col = ((double)(i % sheet->cols) + 0.5 - left) / factor - 0.5;
        const uint8_t grey = (uint8_t)lround(value_at(image, header, row, col));
        sheet->grey[i] = dark ? (uint8_t)(255 - grey) : grey;
    }
}

static void write_pgm(const char *path, const paper *sheet)
{
    FILE *file = require(fopen(path, "wb"), path);
    fprintf(file, "P5\n# drawn for a test\n%zu %zu\n255\n", sheet->cols, sheet->rows);
    if (fwrite(sheet->grey, 1, sheet->rows * sheet->cols, file) !=
            sheet->rows * sheet->cols ||
        fclose(file) != 0) {
        require(NULL, path);
    }
}

/* Writes all samples of a pixel with the same level, opaque. */
static void write_png(const char *path, const paper *sheet, int kind)
{
    const size_t channels = (size_t)make_png_channels(kinds[kind].colour);
    const size_t bytes = channels * (size_t)kinds[kind].depth / 8;
    uint8_t *rows = require(malloc(sheet->rows * sheet->cols * bytes), "no memory");
    for (size_t i = 0; i < sheet->rows * sheet->cols; i++) {
        memset(rows + i * bytes, sheet->grey[i], bytes);
        if (channels == 4) {
            rows[i * bytes + 3] = 255;
        }
    }
    make_png(path, &(png_spec){.width = (unsigned)sheet->cols,
                               .height = (unsigned)sheet->rows,
                               .depth = kinds[kind].depth,
                               .colour = kinds[kind].colour,
                               .interlaced = kinds[kind].interlaced,
                               .rows = rows});
    free(rows);
}

static int find_kind(const char *name)
{
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return i;
        }
    }
    require(NULL, "unknown KIND");
    return -1;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: draw_pictures IMAGES FOLDER COUNT KIND FACTOR "
                        "dark|bright\n");
        return 64;
    }
    sn_error err;
    sn_idx_header header;
    if (sn_idx_read_header(argv[1], 3, &header, &err) != SN_OK) {
        require(NULL, err.message);
    }
    uint8_t *images = require(malloc(header.payload_bytes), "no memory");
    if (sn_idx_read_payload(argv[1], &header, images, &err) != SN_OK) {
        require(NULL, err.message);
    }
    const size_t wanted = strtoul(argv[3], NULL, 10);
    const int kind = find_kind(argv[4]);
    const double factor = strtod(argv[5], NULL);
    paper sheet = {header.size[1], header.size[2], NULL};
    if (factor > 0) {
        sheet.rows = (size_t)ceil(48 * factor);
        sheet.cols = (size_t)ceil(40 * factor);
    }
    sheet.grey = require(malloc(sheet.rows * sheet.cols), "no memory");
    for (size_t i = 0; i < wanted && i < header.size[0]; i++) {
        char path[4096];
        const uint8_t *image = images + i * header.size[1] * header.size[2];
        snprintf(path, sizeof path, "%s/%05zu.%s", argv[2], i,
                 kinds[kind].depth == 0 ? "pgm" : "png");
        if (factor > 0) {
            draw(image, &header, factor, strcmp(argv[6], "dark") == 0, i, &sheet);
        } else {
            memcpy(sheet.grey, image, sheet.rows * sheet.cols);
        }
        if (kinds[kind].depth == 0) {
            write_pgm(path, &sheet);
        } else {
            write_png(path, &sheet, kind);
        }
    }
    free(sheet.grey);
    free(images);
    return 0;
}
