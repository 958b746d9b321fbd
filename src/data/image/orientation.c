/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/image/orientation.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    UPRIGHT = 1,
    LAST = 8,
    PREFIX_BYTES = 6, /* "Exif", 0, 0; then a TIFF file: */
    TIFF_BYTES = 8,   /* II or MM for the order of bytes, 42, offset of the table */
    ENTRY_BYTES = 12, /* tag, type, count, value */
    VALUE_AT = 8,
    TAG = 0x0112
};

static unsigned number_at(const uint8_t *bytes, bool little)
{
    return little ? bytes[0] | (unsigned)bytes[1] << 8
                  : (unsigned)bytes[0] << 8 | bytes[1];
}

int sn_orientation_find(const uint8_t *bytes, size_t count)
{
    if (count < PREFIX_BYTES + TIFF_BYTES + 2 ||
        memcmp(bytes, "Exif\0\0", PREFIX_BYTES) != 0) {
        return UPRIGHT;
    }
    const uint8_t *tiff = bytes + PREFIX_BYTES;
    const size_t length = count - PREFIX_BYTES;
    const bool little = tiff[0] == 'I';
    /* the record has at most 65,533 bytes, so that the upper half of the offset is 0 */
    const size_t table = number_at(tiff + (little ? 4 : 6), little);
    if (table + 2 > length) {
        return UPRIGHT;
    }
    const size_t entries = number_at(tiff + table, little);
    for (size_t i = 0; i < entries; i++) {
        const size_t at = table + 2 + i * ENTRY_BYTES;
        if (at + ENTRY_BYTES > length) {
            break;
        }
        if (number_at(tiff + at, little) == TAG) {
            const int value = (int)number_at(tiff + at + VALUE_AT, little);
            return value >= UPRIGHT && value <= LAST ? value : UPRIGHT;
        }
    }
    return UPRIGHT;
}

/* Orientations 5 to 8 are 1 to 4 with rows and columns swapped; 2 and 3 mirror the
 * columns, 3 and 4 the rows. */
sn_status sn_orientation_apply(int orientation, const char *path, sn_images *images,
                               sn_error *err)
{
    if (orientation == UPRIGHT) {
        return SN_OK;
    }
    const size_t rows = images->rows, cols = images->cols;
    const bool swap = orientation > 4;
    const int mirror = (orientation - 1) % 4;
    const size_t out_rows = swap ? cols : rows, out_cols = swap ? rows : cols;
    uint8_t *turned = sn_alloc(rows * cols, 1);
    if (turned == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (%s)", path);
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < cols; j++) {
            const size_t r = swap ? j : i, c = swap ? i : j;
            const size_t row = mirror >= 2 ? out_rows - 1 - r : r;
            const size_t col = mirror == 1 || mirror == 2 ? out_cols - 1 - c : c;
            turned[row * out_cols + col] = images->pixels[i * cols + j];
        }
    }
    free(images->pixels);
    images->pixels = turned;
    images->rows = out_rows;
    images->cols = out_cols;
    return SN_OK;
}
