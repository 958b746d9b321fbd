/* SPDX-License-Identifier: BSD-3-Clause */
/* draw_pictures IMAGES FOLDER COUNT KIND FACTOR dark|bright: the first COUNT images of
 * an IDX file as FOLDER/00000.png and so on, or .pgm.  KIND is one of the table below.
 * FACTOR 0 writes them as they are; another enlarges or shrinks them by it, smoothly,
 * and puts them somewhere on paper of 48 FACTOR x 40 FACTOR pixels, dark on bright or
 * bright on dark. */
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

static void *need(void *pointer, const char *what)
{
    if (pointer == NULL) {
        fprintf(stderr, "draw_pictures: %s\n", what);
        exit(1);
    }
    return pointer;
}

/* The image at a point between its pixels; black outside. */
static double at(const uint8_t *image, const sn_idx_header *header, double row,
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

/* number chooses the place on the paper. */
static void draw(const uint8_t *image, const sn_idx_header *header, double factor,
                 int dark, size_t number, paper *on)
{
    const double room_down = (double)on->rows - factor * (double)header->size[1];
    const double room_across = (double)on->cols - factor * (double)header->size[2];
    const double top = floor(room_down * (double)(number % 17) / 16);
    const double left = floor(room_across * (double)(number % 13) / 12);
    for (size_t i = 0; i < on->rows * on->cols; i++) {
        const double row = ((double)(i / on->cols) + 0.5 - top) / factor - 0.5;
        const double col = ((double)(i % on->cols) + 0.5 - left) / factor - 0.5;
        const uint8_t grey = (uint8_t)lround(at(image, header, row, col));
        on->grey[i] = dark ? (uint8_t)(255 - grey) : grey;
    }
}

static void write_pgm(const char *path, const paper *on)
{
    FILE *file = need(fopen(path, "wb"), path);
    fprintf(file, "P5\n# drawn for a test\n%zu %zu\n255\n", on->cols, on->rows);
    if (fwrite(on->grey, 1, on->rows * on->cols, file) != on->rows * on->cols ||
        fclose(file) != 0) {
        need(NULL, path);
    }
}

/* The same level in every sample of a pixel, opaque. */
static void write_png(const char *path, const paper *on, int kind)
{
    const size_t channels = (size_t)make_png_channels(kinds[kind].colour);
    const size_t bytes = channels * (size_t)kinds[kind].depth / 8;
    uint8_t *rows = need(malloc(on->rows * on->cols * bytes), "no memory");
    for (size_t i = 0; i < on->rows * on->cols; i++) {
        memset(rows + i * bytes, on->grey[i], bytes);
        if (channels == 4) {
            rows[i * bytes + 3] = 255;
        }
    }
    make_png(path, &(png_spec){.width = (unsigned)on->cols,
                               .height = (unsigned)on->rows,
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
    need(NULL, "unknown KIND");
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
        need(NULL, err.message);
    }
    uint8_t *images = need(malloc(header.payload_bytes), "no memory");
    if (sn_idx_read_payload(argv[1], &header, images, &err) != SN_OK) {
        need(NULL, err.message);
    }
    const size_t wanted = strtoul(argv[3], NULL, 10);
    const int kind = find_kind(argv[4]);
    const double factor = strtod(argv[5], NULL);
    paper on = {header.size[1], header.size[2], NULL};
    if (factor > 0) {
        on.rows = (size_t)ceil(48 * factor);
        on.cols = (size_t)ceil(40 * factor);
    }
    on.grey = need(malloc(on.rows * on.cols), "no memory");
    for (size_t i = 0; i < wanted && i < header.size[0]; i++) {
        char path[4096];
        const uint8_t *image = images + i * header.size[1] * header.size[2];
        snprintf(path, sizeof path, "%s/%05zu.%s", argv[2], i,
                 kinds[kind].depth == 0 ? "pgm" : "png");
        if (factor > 0) {
            draw(image, &header, factor, strcmp(argv[6], "dark") == 0, i, &on);
        } else {
            memcpy(on.grey, image, on.rows * on.cols);
        }
        if (kinds[kind].depth == 0) {
            write_pgm(path, &on);
        } else {
            write_png(path, &on, kind);
        }
    }
    free(on.grey);
    free(images);
    return 0;
}
