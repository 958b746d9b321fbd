/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/width.h"

#include <stdbool.h>
#include <string.h>

static bool has_ink(size_t rows, size_t cols, size_t col, const uint8_t *image)
{
    uint8_t found = 0;
    for (size_t r = 0; r < rows; r++) {
        found |= image[r * cols + col];
    }
    return found != 0;
}

/* The columns begin .. begin + ink - 1 of an image, which become width columns.  Places
 * are integers in units of 1 / (2 width) columns, so that all sums are exact. */
typedef struct stretch {
    int64_t rows, cols, begin, ink, width;
} stretch;

static int64_t weight_at(int64_t radius, int64_t distance)
{
    return radius - (distance < 0 ? -distance : distance);
}

/* Column col of normalized := a weighted mean of the columns of image around the place of
 * column j of the stretched ink.  The weights fall linearly to 0 at the distance of one
 * column or one stretched column, whichever is larger.  Columns outside the image are
 * black. */
static void resample_column(const stretch *s, int64_t j, const uint8_t *image,
                            size_t col, uint8_t *normalized)
{
    const int64_t unit = 2 * s->width;
    const int64_t place = unit * s->begin + (2 * j + 1) * s->ink - s->width;
    const int64_t radius = 2 * (s->ink > s->width ? s->ink : s->width);
    /* a multiple of unit is added, because division rounds towards 0 */
    const int64_t first = (place - radius + unit * s->cols) / unit + 1 - s->cols;
    const int64_t last = (place + radius - 1) / unit;
    int64_t total = 0;
    for (int64_t k = first; k <= last; k++) {
        total += weight_at(radius, place - unit * k);
    }
    for (int64_t r = 0; r < s->rows && total > 0; r++) {
        int64_t sum = 0;
        for (int64_t k = first < 0 ? 0 : first; k <= last && k < s->cols; k++) {
            sum += weight_at(radius, place - unit * k) * image[r * s->cols + k];
        }
        normalized[(size_t)(r * s->cols) + col] =
            (uint8_t)((2 * sum + total) / (2 * total));
    }
}

void sn_width_normalize(size_t rows, size_t cols, size_t width, const uint8_t *image,
                        uint8_t *normalized)
{
    size_t begin = 0, end = cols;
    memset(normalized, 0, rows * cols);
    while (begin < cols && !has_ink(rows, cols, begin, image)) {
        begin++;
    }
    while (end > begin && !has_ink(rows, cols, end - 1, image)) {
        end--;
    }
    const stretch s = {(int64_t)rows, (int64_t)cols, (int64_t)begin,
                       (int64_t)(end - begin), (int64_t)width};
    for (size_t j = 0; j < width && end > begin; j++) {
        resample_column(&s, (int64_t)j, image, (cols - width) / 2 + j, normalized);
    }
}
