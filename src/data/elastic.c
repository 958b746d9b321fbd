/* SPDX-License-Identifier: BSD-3-Clause */
/* The three steps of a field:
 *
 *   words      one Philox word per pixel; the low half is for dx, the high half for dy
 *   across     smooth each row of noise along the row
 *   down       smooth the result along the columns, one row at a time
 *
 * Noise outside the image is zero, so the fields become weaker towards the corners.
 * All additions have a fixed order and no function of a mathematics library is called:
 * the result has the same bits on every machine. */
#include "data/elastic.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/numeric/real.h"
#include "base/numeric/rng.h"
#include "base/numeric/series.h"

enum { LANES = 32 }; /* number of sums that stay in registers */

struct sn_elastic {
    float alpha;
    size_t rows, cols;
    size_t width;    /* cols rounded up to a multiple of LANES */
    size_t radius;   /* radius of the kernel in pixels */
    float *kernel;   /* weights of -reach .. reach, reach = radius + LANES - 1 */
    float *middle;   /* points to the weight of 0 in kernel */
    size_t blocks;   /* number of Philox blocks, four pixels each */
    uint32_t *words; /* (4, blocks) */
    float *noise;    /* one row: dx (cols), then dy (cols) */
    float *across;   /* (rows, 2, width): dx and dy smoothed along the rows */
    float *field;    /* one row: dx (width), then dy (width) */
};

/* Sets each of LANES elements: out[i] := sum of weight[t] * in[t * step + i] over
 * t = 0 .. taps - 1, in this order; taps >= 1.  The number of sums is constant, so that
 * compilers keep them in registers. */
SN_HOT
void weighted_sums(size_t taps, const float *restrict weight, ptrdiff_t step,
                   const float *restrict in, float *restrict out)
{
    float sum[LANES];
    for (int i = 0; i < LANES; i++) {
        sum[i] = weight[0] * in[i];
    }
    for (size_t t = 1; t < taps; t++) {
        const float *tap = in + (ptrdiff_t)t * step;
        const float w = weight[t];
        for (int i = 0; i < LANES; i++) {
            sum[i] += w * tap[i];
        }
    }
    for (int i = 0; i < LANES; i++) {
        out[i] = sum[i];
    }
}

/* Limits the window first - radius .. last + radius to 0 .. count - 1.  *begin := its
 * first index.  Returns its length. */
static size_t window(size_t first, size_t last, size_t radius, size_t count,
                     size_t *begin)
{
    *begin = first > radius ? first - radius : 0;
    const size_t end = last + radius < count ? last + radius + 1 : count;
    return end - *begin;
}

/* dx, dy (cols) := noise of one row from its words: 2^16 values, uniform on (-scale,
 * scale). */
SN_HOT
void fill_noise(size_t cols, float scale, const uint32_t *restrict words,
                float *restrict dx, float *restrict dy)
{
    const float step = scale / 32768;
    for (size_t j = 0; j < cols; j++) {
        dx[j] = ((float)(int32_t)(words[j] & 0xFFFF) - 32767.5F) * step;
        dy[j] = ((float)(int32_t)(words[j] >> 16) - 32767.5F) * step;
    }
}

/* across (width) := one row of noise, smoothed along the row.  The sum runs over the
 * noise with shifted kernels, because an image is often narrower than the kernel. */
static void smooth_across(const sn_elastic *elastic, const float *noise, float *across)
{
    const size_t radius = elastic->radius;
    for (size_t first = 0; first < elastic->width; first += LANES) {
        size_t begin;
        const size_t taps =
            window(first, first + LANES - 1, radius, elastic->cols, &begin);
        const float *kernel = elastic->middle + ((ptrdiff_t)first - (ptrdiff_t)begin);
        weighted_sums(taps, noise + begin, -1, kernel, across + first);
    }
}

/* Draws the noise of all rows and smooths it along the rows. */
void sn_elastic_begin(sn_elastic *elastic, uint64_t seed, uint32_t epoch,
                      uint32_t sample)
{
    const size_t cols = elastic->cols, width = elastic->width;
    float *dx = elastic->noise, *dy = dx + cols;
    sn_rng_blocks(seed, SN_RNG_AUGMENT, SN_AUGMENT_STREAM_NOISE, epoch, sample, 0,
                  elastic->blocks, elastic->words);
    for (size_t r = 0; r < elastic->rows; r++) {
        float *across = elastic->across + r * 2 * width;
        fill_noise(cols, elastic->alpha, elastic->words + r * cols, dx, dy);
        smooth_across(elastic, dx, across);
        smooth_across(elastic, dy, across + width);
    }
}

void sn_elastic_row(sn_elastic *elastic, size_t r, const float **dx, const float **dy)
{
    const size_t width = 2 * elastic->width;
    size_t begin;
    const size_t taps = window(r, r, elastic->radius, elastic->rows, &begin);
    const float *weight = elastic->middle + ((ptrdiff_t)begin - (ptrdiff_t)r);
    const float *across = elastic->across + begin * width;
    for (size_t first = 0; first < width; first += LANES) {
        weighted_sums(taps, weight, (ptrdiff_t)width, across + first,
                      elastic->field + first);
    }
    *dx = elastic->field;
    *dy = elastic->field + elastic->width;
}

/* Computes a Gaussian kernel that ends after full pixels (three standard deviations)
 * and has the sum 1.  middle receives only the weights up to radius <= full, because an
 * image has no pixels that are farther apart. */
static void fill_kernel(double sigma, size_t full, size_t radius, float *middle)
{
    /* g(k) = exp(-k^2 / (2 sigma^2)) = g(k - 1) ratio^(2k - 1) */
    const double ratio = sn_exp_minus(1 / (2 * sigma * sigma));
    double g = 1, power = ratio, sum = 1;
    for (size_t k = 1; k <= full; k++) {
        g *= power;
        power *= ratio * ratio;
        sum += 2 * g;
    }
    g = 1 / sum;
    power = ratio;
    middle[0] = (float)g;
    for (size_t k = 1; k <= radius; k++) {
        g *= power;
        power *= ratio * ratio;
        middle[k] = middle[-(ptrdiff_t)k] = (float)g;
    }
}

static sn_status allocate(sn_elastic *elastic, double sigma, sn_error *err)
{
    const size_t rows = elastic->rows, cols = elastic->cols;
    const size_t longest = rows > cols ? rows : cols;
    const size_t full = (size_t)(3 * sigma) + 1;
    elastic->radius = full < longest ? full : longest - 1;
    elastic->width = (cols + LANES - 1) / LANES * LANES;
    elastic->blocks = (rows * cols + 3) / 4;
    const size_t reach = elastic->radius + LANES - 1;
    elastic->kernel = sn_alloc(2 * reach + 1, sizeof(float));
    elastic->words = sn_alloc(4 * elastic->blocks, sizeof(uint32_t));
    elastic->noise = sn_alloc(2 * cols, sizeof(float));
    elastic->across = sn_alloc(2 * elastic->width * rows, sizeof(float));
    elastic->field = sn_alloc(2 * elastic->width, sizeof(float));
    if (elastic->kernel == NULL || elastic->words == NULL || elastic->noise == NULL ||
        elastic->across == NULL || elastic->field == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (distortions of %zu x %zu)",
                       rows, cols);
    }
    elastic->middle = elastic->kernel + reach;
    fill_kernel(sigma, full, elastic->radius, elastic->middle);
    return SN_OK;
}

sn_status sn_elastic_create(double sigma, double alpha, size_t rows, size_t cols,
                            sn_elastic **elastic, sn_error *err)
{
    sn_elastic *made = *elastic = calloc(1, sizeof *made);
    if (made == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (distortions)");
    }
    made->alpha = (float)alpha;
    made->rows = rows;
    made->cols = cols;
    const sn_status status = allocate(made, sigma, err);
    if (status != SN_OK) {
        sn_elastic_destroy(elastic);
    }
    return status;
}

void sn_elastic_destroy(sn_elastic **elastic)
{
    sn_elastic *e = *elastic;
    if (e == NULL) {
        return;
    }
    free(e->kernel);
    free(e->words);
    free(e->noise);
    free(e->across);
    free(e->field);
    free(e);
    *elastic = NULL;
}
