/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: PNG (unchanged, and with corrected checksums), JPEG, PGM and IDX
 * pictures, and their preparation for a model. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/formats/idx.h"
#include "data/image/image.h"
#include "data/image/prepare.h"
#include "data/image/shapes.h"
#include "make_jpeg.h"
#include "make_png.h"

/* the limit of deflate with eight pixels per byte, and an allowance for small files */
enum {
    PIXELS_PER_BYTE = 8 * 1032,
    SLACK_PIXELS = 8 * 2048,
    INPUT_BYTES_MAX = 1 << 14,
    SIGNATURE_BYTES = 8,
    CHUNK_BYTES = 12 /* length, name and checksum */
};

static uint32_t number_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
           (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Corrects the checksums of all complete chunks. */
static void repair_png(uint8_t *data, size_t size)
{
    static const uint8_t signature[] = {0x89, 'P', 'N', 'G'};
    if (size < SIGNATURE_BYTES || memcmp(data, signature, sizeof signature) != 0) {
        return;
    }
    size_t at = SIGNATURE_BYTES;
    while (size - at >= CHUNK_BYTES) {
        const size_t length = number_at(data + at);
        if (length > size - at - CHUNK_BYTES) {
            return;
        }
        uint8_t *sum = data + at + 8 + length;
        const uint32_t crc =
            (uint32_t)crc32(crc32(0, NULL, 0), data + at + 4, (uInt)(4 + length));
        for (int i = 0; i < 4; i++) {
            sum[i] = (uint8_t)(crc >> (24 - 8 * i));
        }
        at += CHUNK_BYTES + length;
    }
}

/* Checks that a prepared image has ink of full strength. */
static void check_prepared(const sn_images *images, size_t rows, size_t cols)
{
    sn_error err = {""};
    sn_shapes shapes;
    bool edge;
    uint8_t *made = malloc(rows * cols);
    if (made == NULL) {
        fuzz_never("no memory");
    }
    if (fuzz_accepts(sn_prepare("fuzz", images->pixels, images->rows, images->cols,
                                made, rows, cols, &edge, &err),
                     SN_EDATA, &err) &&
        (memchr(made, 255, rows * cols) == NULL ||
         sn_shapes_find(made, rows, cols, &shapes, &err) != SN_OK)) {
        fuzz_never("a prepared image without ink, or no memory");
    }
    free(made);
}

static void try(const uint8_t *data, size_t size)
{
    sn_error err = {""};
    sn_images images;
    if (!fuzz_accepts(sn_image_read(fuzz_file(data, size), &images, &err), SN_EDATA,
                      &err)) {
        if (images.pixels != NULL) {
            fuzz_never("a rejected picture with memory");
        }
        return;
    }
    if (images.count * images.rows * images.cols >
        PIXELS_PER_BYTE * size + SLACK_PIXELS) {
        fuzz_never("%zu x %zu pixels from a file of %zu", images.rows, images.cols,
                   size);
    }
    check_prepared(&images, 28, 28);
    check_prepared(&images, 3, 50);
    sn_image_clear(&images);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    try(data, size);
    uint8_t *repaired = malloc(size > 0 ? size : 1);
    if (repaired == NULL) {
        fuzz_never("no memory");
    }
    memcpy(repaired, data, size);
    repair_png(repaired, size);
    if (memcmp(repaired, data, size) != 0) {
        try(repaired, size);
    }
    free(repaired);
    return 0;
}

enum { ROWS = 11, COLS = 13, ROW_BYTES_MAX = 8 * COLS };

/* Writes a PNG of this type with stripes of noise. */
static void make_png_seed(const char *path, int colour, int depth, int interlaced)
{
    static const png_color palette[] = {
        {255, 255, 255}, {0, 0, 0}, {200, 30, 30}, {7, 8, 9}};
    static const png_byte alpha[] = {0, 255, 128, 255};
    uint8_t rows[ROWS * ROW_BYTES_MAX];
    for (size_t i = 0; i < sizeof rows; i++) {
        rows[i] = i / 40 % 3 == 1 ? (uint8_t)(i * i) : 0;
    }
    png_spec spec = {.width = COLS,
                     .height = ROWS,
                     .colour = colour,
                     .depth = depth,
                     .interlaced = interlaced,
                     .rows = rows};
    if (colour == PNG_COLOR_TYPE_PALETTE) {
        for (size_t i = 0; i < sizeof rows && depth == 8; i++) {
            rows[i] &= 3;
        }
        spec.palette = palette;
        spec.alpha = alpha;
        spec.entries = 4;
    }
    make_png(path, &spec);
}

static const struct {
    int colour, depth, interlaced;
} png_seeds[] = {{PNG_COLOR_TYPE_GRAY, 8, 0},      {PNG_COLOR_TYPE_GRAY, 1, 1},
                 {PNG_COLOR_TYPE_GRAY, 16, 0},     {PNG_COLOR_TYPE_PALETTE, 2, 0},
                 {PNG_COLOR_TYPE_PALETTE, 8, 1},   {PNG_COLOR_TYPE_RGB, 8, 1},
                 {PNG_COLOR_TYPE_RGB_ALPHA, 8, 0}, {PNG_COLOR_TYPE_GRAY_ALPHA, 16, 1}};

static const char *const pgm_seeds[] = {
    "P2\n# a ring\n5 5\n9\n0 0 0 0 0\n0 9 9 9 0\n0 9 2 9 0 # in\n0 9 9 9 0\n0 0 0 0 0\n",
    "P5 6 4 255\n~~~~~~~##~~~(  ~~~~~~~~~",
    "P5\n#x\n3 3 1000\n\3\1\3\1\3\1\3\1\1\1\3\1\3\1\3\1\3\2"};

static void make_idx_seed(const char *path)
{
    const size_t size[3] = {3, 5, 4};
    uint8_t elements[3 * 5 * 4];
    sn_error err = {""};
    for (size_t i = 0; i < sizeof elements; i++) {
        elements[i] = (uint8_t)(i * i);
    }
    if (sn_idx_write(path, 3, size, elements, &err) != SN_OK) {
        fuzz_never("cannot make a seed: %s", err.message);
    }
}

/* Writes a JPEG of this type with stripes. */
static void make_jpeg_seed(const char *path, jpeg_spec spec)
{
    uint8_t values[ROWS * COLS * 3];
    for (size_t i = 0; i < sizeof values; i++) {
        values[i] = i / 40 % 3 == 1 ? 250 : 10;
    }
    spec.width = COLS;
    spec.height = ROWS;
    spec.values = values;
    make_jpeg(path, &spec);
}

static const jpeg_spec jpeg_seeds[] = {{.channels = 1},
                                       {.channels = 3, .orientation = 6},
                                       {.channels = 3, .scans = JPEG_PROGRESSIVE}};

uint8_t *fuzz_seed(size_t number, size_t *size)
{
    enum {
        PNGS = sizeof png_seeds / sizeof png_seeds[0],
        PGMS = sizeof pgm_seeds / sizeof pgm_seeds[0],
        JPEGS = sizeof jpeg_seeds / sizeof jpeg_seeds[0]
    };
    if (number >= PNGS && number < PNGS + PGMS) {
        const char *text = pgm_seeds[number - PNGS];
        *size = strlen(text);
        uint8_t *seed = malloc(*size);
        if (seed == NULL) {
            fuzz_never("no memory");
        }
        memcpy(seed, text, *size);
        return seed;
    }
    if (number > PNGS + PGMS + (MAKE_JPEG_WORKS ? JPEGS : 0)) {
        return NULL;
    }
    const char *path = fuzz_seed_path();
    if (number > PNGS + PGMS) {
        make_jpeg_seed(path, jpeg_seeds[number - PNGS - PGMS - 1]);
    } else if (number == PNGS + PGMS) {
        make_idx_seed(path);
    } else {
        make_png_seed(path, png_seeds[number].colour, png_seeds[number].depth,
                      png_seeds[number].interlaced);
    }
    return fuzz_take_file(path, size);
}

void fuzz_repair(uint8_t *data, size_t size)
{
    repair_png(data, size);
}
