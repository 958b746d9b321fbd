/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/image/prepare.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    LEVELS = 256,
    INK_MIN = 32, /* smallest difference between strongest ink and background */
    FAINT = 16, /* a pixel with less than 1/FAINT of the strongest ink is background */
    DEVIATIONS = 8, /* noise is at most this number of median deviations */
    EDGE = 8,       /* ink on 1/EDGE of the outermost pixels is a frame */
    SPECKS = 100,   /* a speck has at most 1/SPECKS of the ink */
    BOX = 20,       /* side of the box of MNIST */
    BOX_OF = 28     /* side of the image of MNIST */
};

/* The bounding box of the ink: rows top .. top + rows - 1, columns likewise. */
typedef struct box {
    size_t top, left, rows, cols;
} box;

/* Adds the levels of the outermost pixels to the histogram; returns their number. */
static size_t count_border(const uint8_t *pixels, size_t rows, size_t cols,
                           size_t count[LEVELS])
{
    size_t total = 0;
    for (size_t i = 0; i < rows; i++) {
        const bool whole_row = i == 0 || i == rows - 1;
        for (size_t j = 0; j < cols; j += whole_row || cols == 1 ? 1 : cols - 1) {
            count[pixels[i * cols + j]]++;
            total++;
        }
    }
    return total;
}

/* Returns the median of a histogram of total values. */
static int median(const size_t count[LEVELS], size_t total)
{
    size_t below = 0;
    int level = 0;
    while (level < LEVELS - 1 && 2 * (below + count[level]) < total) {
        below += count[level++];
    }
    return level;
}

/* ink[level] := the amount of ink of a pixel of that level, 0 for background.  *edge is
 * true if the outermost pixels have much ink.  Returns false if the picture has none. */
static bool find_ink(const uint8_t *pixels, size_t rows, size_t cols, int ink[LEVELS],
                     bool *edge)
{
    size_t border[LEVELS] = {0}, deviations[LEVELS] = {0};
    const size_t total = count_border(pixels, rows, cols, border);
    const int background = median(border, total);
    for (int level = 0; level < LEVELS; level++) {
        deviations[abs(level - background)] += border[level];
    }
    int low = LEVELS - 1, high = 0;
    for (size_t i = 0; i < rows * cols; i++) {
        low = pixels[i] < low ? pixels[i] : low;
        high = pixels[i] > high ? pixels[i] : high;
    }
    const int sign = background - low > high - background ? -1 : 1;
    const int strongest = sign < 0 ? background - low : high - background;
    int noise = DEVIATIONS * median(deviations, total);
    noise = noise < strongest / 2 ? noise : strongest / 2;
    size_t at_edge = 0;
    for (int level = 0; level < LEVELS; level++) {
        const int amount = sign * (level - background);
        const bool shows = amount > noise && FAINT * amount >= strongest;
        ink[level] = shows ? amount : 0;
        at_edge += shows ? border[level] : 0;
    }
    *edge = EDGE * at_edge >= total;
    return strongest >= INK_MIN;
}

/* mass is the ink per line (row or column).  Returns the number of lines at one end
 * that are empty or contain a speck: ink of at most limit, then an empty line. */
static size_t margin(const uint64_t *mass, size_t length, ptrdiff_t step,
                     uint64_t limit)
{
    size_t cut = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < length && sum <= limit; i++) {
        const uint64_t amount = mass[(ptrdiff_t)i * step];
        cut = amount == 0 ? i + 1 : cut;
        sum += amount;
    }
    return cut;
}

/* *first, *count := the lines between the margins of both ends. */
static void trim(const uint64_t *mass, size_t length, uint64_t total, size_t *first,
                 size_t *count)
{
    *first = margin(mass, length, 1, total / SPECKS);
    *count = length - *first - margin(mass + length - 1, length, -1, total / SPECKS);
}

/* Returns the bounding box of the ink; mass (rows + cols) must be zero. */
static box find_box(const uint8_t *pixels, size_t rows, size_t cols,
                    const int ink[LEVELS], uint64_t *mass)
{
    uint64_t total = 0;
    box found;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < cols; j++) {
            const uint64_t amount = (uint64_t)ink[pixels[i * cols + j]];
            mass[i] += amount;
            mass[rows + j] += amount;
        }
        total += mass[i];
    }
    trim(mass, rows, total, &found.top, &found.rows);
    trim(mass + rows, cols, total, &found.left, &found.cols);
    return found;
}

/* Returns 20/28 of a side of the image, rounded, at least 1. */
static size_t box_side(size_t side)
{
    const size_t share = (BOX * side + BOX_OF / 2) / BOX_OF;
    return share > 0 ? share : 1;
}

/* *rows, *cols := the size of the scaled box, at least 1 x 1. */
static void fit(const box *from, size_t out_rows, size_t out_cols, size_t *rows,
                size_t *cols)
{
    const double by_rows = (double)box_side(out_rows) / (double)from->rows;
    const double by_cols = (double)box_side(out_cols) / (double)from->cols;
    const double factor = by_rows < by_cols ? by_rows : by_cols;
    *rows = (size_t)fmax(1, round(factor * (double)from->rows));
    *cols = (size_t)fmax(1, round(factor * (double)from->cols));
}

/* The values of a line whose weighted mean is one value of the scaled line. */
typedef struct window {
    size_t first, count;
    double first_weight, last_weight; /* all values between have weight 1 */
    double sum;                       /* sum of the weights */
} window;

/* Returns the window of value i of a line that is scaled from length to new_length
 * values: the interval that value i covers, or the two nearest values if the line
 * grows. */
static window find_window(size_t length, size_t new_length, size_t i)
{
    const double step = (double)length / (double)new_length;
    if (new_length > length) {
        const double at =
            fmin(fmax(((double)i + 0.5) * step - 0.5, 0), (double)(length - 1));
        const size_t first = (size_t)at;
        const double share = at - (double)first;
        return share > 0 ? (window){first, 2, 1 - share, share, 1}
                         : (window){first, 1, 1, 1, 1};
    }
    const double begin = (double)i * step;
    const double end = fmin((double)(i + 1) * step, (double)length);
    const size_t first = (size_t)begin;
    const size_t last = (size_t)ceil(end) - 1;
    return first == last
               ? (window){first, 1, 1, 1, 1}
               : (window){first, last - first + 1, (double)(first + 1) - begin,
                          end - (double)last, end - begin};
}

static double weight(const window *w, size_t k)
{
    return k == 0 ? w->first_weight : k == w->count - 1 ? w->last_weight : 1;
}

/* wide (from->rows, cols) := the rows of the box, scaled to cols. */
static void scale_rows(const uint8_t *pixels, size_t stride, const box *from,
                       const int ink[LEVELS], size_t cols, float *wide)
{
    for (size_t j = 0; j < cols; j++) {
        const window w = find_window(from->cols, cols, j);
        for (size_t i = 0; i < from->rows; i++) {
            const uint8_t *row =
                pixels + (from->top + i) * stride + from->left + w.first;
            double sum = 0;
            for (size_t k = 0; k < w.count; k++) {
                sum += weight(&w, k) * ink[row[k]];
            }
            wide[i * cols + j] = (float)(sum / w.sum);
        }
    }
}

/* scaled (rows, cols) := the columns of wide (from_rows, cols), scaled to rows. */
static void scale_cols(const float *wide, size_t from_rows, size_t rows, size_t cols,
                       float *scaled)
{
    for (size_t i = 0; i < rows; i++) {
        const window w = find_window(from_rows, rows, i);
        for (size_t j = 0; j < cols; j++) {
            double sum = 0;
            for (size_t k = 0; k < w.count; k++) {
                sum += weight(&w, k) * (double)wide[(w.first + k) * cols + j];
            }
            scaled[i * cols + j] = (float)(sum / w.sum);
        }
    }
}

/* Returns the start of length values on a side of the image: their centre is as near as
 * possible to the middle, and all of them are inside. */
static size_t place(double centre, size_t length, size_t side)
{
    const size_t middle = side / 2;
    const double begin = round((double)middle - centre);
    return (size_t)fmin(fmax(begin, 0), (double)(side - length));
}

/* Copies scaled (rows, cols) to image (out_rows, out_cols), centred by mass. */
static void draw(const float *scaled, size_t rows, size_t cols, uint8_t *image,
                 size_t out_rows, size_t out_cols)
{
    double mass = 0, down = 0, right = 0, strongest = 0;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < cols; j++) {
            const double amount = (double)scaled[i * cols + j];
            mass += amount;
            down += amount * (double)i;
            right += amount * (double)j;
            strongest = fmax(strongest, amount);
        }
    }
    const size_t top = place(down / mass, rows, out_rows);
    const size_t left = place(right / mass, cols, out_cols);
    memset(image, 0, out_rows * out_cols);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < cols; j++) {
            const double share = (double)scaled[i * cols + j] / strongest;
            image[(top + i) * out_cols + left + j] = (uint8_t)lround(255 * share);
        }
    }
}

/* Scales the contents of the box and draws them into image. */
static sn_status draw_box(const char *path, const uint8_t *pixels, size_t cols,
                          const box *from, const int ink[LEVELS], uint8_t *image,
                          size_t out_rows, size_t out_cols, sn_error *err)
{
    size_t high, wide;
    fit(from, out_rows, out_cols, &high, &wide);
    /* one allocation: the scaled rows (wide), then the scaled rows and columns */
    float *between = sn_alloc((from->rows + high) * wide, sizeof *between);
    if (between == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (%s)", path);
    }
    float *scaled = between + from->rows * wide;
    scale_rows(pixels, cols, from, ink, wide, between);
    scale_cols(between, from->rows, high, wide, scaled);
    draw(scaled, high, wide, image, out_rows, out_cols);
    free(between);
    return SN_OK;
}

sn_status sn_prepare(const char *path, const uint8_t *pixels, size_t rows, size_t cols,
                     uint8_t *image, size_t out_rows, size_t out_cols, bool *edge,
                     sn_error *err)
{
    int ink[LEVELS];
    if (!find_ink(pixels, rows, cols, ink, edge)) {
        return sn_fail(err, SN_EDATA,
                       "no ink (%s): no pixel differs enough from its border; use a "
                       "picture of a digit with a margin around it",
                       path);
    }
    uint64_t *mass = sn_alloc(rows + cols, sizeof *mass);
    if (mass == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (%s)", path);
    }
    const box from = find_box(pixels, rows, cols, ink, mass);
    free(mass);
    return draw_box(path, pixels, cols, &from, ink, image, out_rows, out_cols, err);
}
