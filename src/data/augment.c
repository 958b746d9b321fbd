/* SPDX-License-Identifier: BSD-3-Clause */
/* A pixel q of the distorted image is looked up at
 *
 *     p = M q + o + field(q)
 *
 * about the centre of the image, M and o being the inverse of scale, then shear, then
 * rotation, then shift.  The fields cost most of the time:
 *
 *   words      one Philox word a pixel, its low half for dx and its high half for dy
 *   across     each row of noise smoothed along the row
 *   down       the result smoothed along the columns, one row when it is needed
 *   resample   bilinear, from a copy of the image with a black border
 *
 * Noise outside the image is zero, so the fields fade towards the corners.  Additions
 * happen in one fixed order and nothing calls a mathematics library: the result has the
 * same bits on every machine. */
#include "data/augment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/real.h"
#include "base/rng.h"
#include "data/batch.h"

enum {
    LANES = 32, /* floats whose sums are kept in registers together */
    BORDER = 3, /* black rows and columns: one before the image, two behind it */
    PIXELS_MAX = 1 << 30
};

struct sn_augment {
    sn_augment_spec spec;
    size_t rows, cols;
    size_t stride;    /* of image */
    float *image;     /* (rows + BORDER, stride): input with its border */
    float *weight_at; /* of an input row: fx (cols), then fy (cols) */
    int32_t *index;   /* (cols): where to look in image */
    /* the rest for elastic only */
    size_t width;    /* cols rounded up to LANES */
    size_t radius;   /* of the kernel, in pixels */
    float *kernel;   /* weights of -reach .. reach, reach = radius + LANES - 1 */
    float *middle;   /* weight of 0 in kernel */
    size_t blocks;   /* of Philox, four pixels each */
    uint32_t *words; /* (4, blocks) */
    float *noise;    /* one row: dx (cols), dy (cols) */
    float *across;   /* (rows, 2, width): dx and dy smoothed along the rows */
    float *field;    /* one row: dx (width), dy (width) */
};

/* out[i] = sum_t weight[t] * in[t * step + i], t ascending, for LANES neighbours i;
 * taps >= 1.  The sums have a fixed number, and a function of their own, so that
 * compilers keep them in registers. */
SN_HOT
static void weigh(size_t taps, const float *restrict weight, ptrdiff_t step,
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

/* Where a window of radius about first .. last lies within 0 .. count - 1. */
static size_t window(size_t first, size_t last, size_t radius, size_t count,
                     size_t *begin)
{
    *begin = first > radius ? first - radius : 0;
    const size_t end = last + radius < count ? last + radius + 1 : count;
    return end - *begin;
}

/* Noise of one row from its words: uniform on (-scale, scale), 2^16 values. */
SN_HOT
static void fill_noise(size_t cols, float scale, const uint32_t *restrict words,
                       float *restrict dx, float *restrict dy)
{
    const float step = scale / 32768;
    for (size_t j = 0; j < cols; j++) {
        dx[j] = ((float)(int32_t)(words[j] & 0xFFFF) - 32767.5F) * step;
        dy[j] = ((float)(int32_t)(words[j] >> 16) - 32767.5F) * step;
    }
}

/* One row of noise smoothed along the row.  The noise weighs shifted kernels here, and
 * not the kernel shifted noise, because an image is often narrower than the kernel. */
static void smooth_across(const sn_augment *augment, const float *noise, float *across)
{
    const size_t radius = augment->radius;
    for (size_t first = 0; first < augment->width; first += LANES) {
        size_t begin;
        const size_t taps =
            window(first, first + LANES - 1, radius, augment->cols, &begin);
        const float *kernel = augment->middle + ((ptrdiff_t)first - (ptrdiff_t)begin);
        weigh(taps, noise + begin, -1, kernel, across + first);
    }
}

/* Row r of both fields: dx (width), dy (width). */
static void smooth_down(const sn_augment *augment, size_t r, float *field)
{
    const size_t width = 2 * augment->width;
    size_t begin;
    const size_t taps = window(r, r, augment->radius, augment->rows, &begin);
    const float *weight = augment->middle + ((ptrdiff_t)begin - (ptrdiff_t)r);
    const float *across = augment->across + begin * width;
    for (size_t first = 0; first < width; first += LANES) {
        weigh(taps, weight, (ptrdiff_t)width, across + first, field + first);
    }
}

/* The noise of all rows, smoothed along them. */
static void begin_fields(sn_augment *augment, uint64_t seed, uint32_t epoch,
                         uint32_t sample)
{
    const size_t cols = augment->cols, width = augment->width;
    float *dx = augment->noise, *dy = dx + cols;
    sn_rng_blocks(seed, SN_RNG_AUGMENT, SN_AUGMENT_STREAM_NOISE, epoch, sample, 0,
                  augment->blocks, augment->words);
    for (size_t r = 0; r < augment->rows; r++) {
        float *across = augment->across + r * 2 * width;
        fill_noise(cols, (float)augment->spec.alpha, augment->words + r * cols, dx, dy);
        smooth_across(augment, dx, across);
        smooth_across(augment, dy, across + width);
    }
}

void sn_augment_fields(sn_augment *augment, uint64_t seed, uint32_t epoch,
                       uint32_t sample, float *dx, float *dy)
{
    const size_t cols = augment->cols;
    begin_fields(augment, seed, epoch, sample);
    for (size_t r = 0; r < augment->rows; r++) {
        smooth_down(augment, r, augment->field);
        memcpy(dx + r * cols, augment->field, cols * sizeof *dx);
        memcpy(dy + r * cols, augment->field + augment->width, cols * sizeof *dy);
    }
}

void sn_augment_sine_cosine(double angle, double *sine, double *cosine)
{
    enum { TERMS = 16 };
    const double square = angle * angle;
    double s = 1, c = 1;
    for (int k = 2 * TERMS; k > 0; k -= 2) {
        s = 1 - square / (k * (k + 1)) * s;
        c = 1 - square / (k * (k - 1)) * c;
    }
    *sine = angle * s;
    *cosine = c;
}

/* Where to look: x = xc * col + xr * row + x0, y alike, in coordinates of the bordered
 * image, whose first pixel is (1, 1). */
typedef struct lookup {
    double xc, xr, x0, yc, yr, y0;
} lookup;

/* uniform on -half .. half */
static double draw_within(sn_rng *rng, double half)
{
    return half * (2 * (double)sn_rng_uniform(rng) - 1);
}

/* q = R H S p + t about the centre, so p = S^-1 H^-1 R^-1 (q - t). */
static lookup draw_lookup(const sn_augment *augment, uint64_t seed, uint32_t epoch,
                          uint32_t sample)
{
    const sn_augment_spec *spec = &augment->spec;
    const double degree = 0.017453292519943295;
    sn_rng rng;
    sn_rng_init(&rng, seed, SN_RNG_AUGMENT, SN_AUGMENT_STREAM_AFFINE, epoch, sample);
    double sine, cosine;
    sn_augment_sine_cosine(degree * draw_within(&rng, spec->rotation), &sine, &cosine);
    const double shear = draw_within(&rng, spec->shear);
    const double scale_x = 1 + draw_within(&rng, spec->scale);
    const double scale_y = 1 + draw_within(&rng, spec->scale);
    const double center_x = (double)(augment->cols - 1) / 2;
    const double center_y = (double)(augment->rows - 1) / 2;
    const double from_x = center_x + draw_within(&rng, spec->shift);
    const double from_y = center_y + draw_within(&rng, spec->shift);
    lookup at = {.xc = (cosine + shear * sine) / scale_x,
                 .xr = (sine - shear * cosine) / scale_x,
                 .yc = -sine / scale_y,
                 .yr = cosine / scale_y};
    at.x0 = center_x - (at.xc * from_x + at.xr * from_y) + 1;
    at.y0 = center_y - (at.yc * from_x + at.yr * from_y) + 1;
    return at;
}

/* A coordinate within limit; beyond it all is black. */
static inline float clamp(float value, float limit)
{
    value = value > 0 ? value : 0;
    return value < limit ? value : limit;
}

/* One row of the result.  field is NULL or the row's dx (width), dy (width). */
SN_HOT
static void resample_row(const sn_augment *augment, const lookup *at, size_t row,
                         const float *restrict field, float *restrict x)
{
    const size_t cols = augment->cols, width = augment->width;
    const int32_t stride = (int32_t)augment->stride;
    const float right = (float)(cols + 1), low = (float)(augment->rows + 1);
    const float x0 = (float)(at->xr * (double)row + at->x0);
    const float y0 = (float)(at->yr * (double)row + at->y0);
    const float xc = (float)at->xc, yc = (float)at->yc;
    float *restrict fx = augment->weight_at, *restrict fy = augment->weight_at + cols;
    int32_t *restrict index = augment->index;
    for (size_t j = 0; j < cols; j++) {
        const float col = (float)(int32_t)j;
        float px = x0 + xc * col, py = y0 + yc * col;
        if (field != NULL) {
            px += field[j];
            py += field[width + j];
        }
        px = clamp(px, right);
        py = clamp(py, low);
        const int32_t ix = (int32_t)px, iy = (int32_t)py;
        fx[j] = px - (float)ix;
        fy[j] = py - (float)iy;
        index[j] = iy * stride + ix;
    }
    const float *restrict image = augment->image;
    for (size_t j = 0; j < cols; j++) {
        const float *above = image + index[j], *below = above + stride;
        const float a = above[0] + fx[j] * (above[1] - above[0]);
        const float b = below[0] + fx[j] * (below[1] - below[0]);
        x[j] = a + fy[j] * (b - a);
    }
}

void sn_augment_apply(sn_augment *augment, uint64_t seed, uint32_t epoch,
                      uint32_t sample, const uint8_t *image, float *x)
{
    const size_t rows = augment->rows, cols = augment->cols;
    if (augment->spec.kind == SN_AUGMENT_NONE) {
        sn_bytes_to_float(rows * cols, image, x);
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        sn_bytes_to_float(cols, image + r * cols,
                          augment->image + (r + 1) * augment->stride + 1);
    }
    const lookup at = draw_lookup(augment, seed, epoch, sample);
    const bool elastic = augment->spec.kind == SN_AUGMENT_ELASTIC;
    if (elastic) {
        begin_fields(augment, seed, epoch, sample);
    }
    for (size_t r = 0; r < rows; r++) {
        if (elastic) {
            smooth_down(augment, r, augment->field);
        }
        resample_row(augment, &at, r, augment->field, x + r * cols);
    }
}

/* exp(-x) for x >= 0: Taylor series of exp(-x / 64), squared six times. */
static double decay(double x)
{
    const double part = x / 64;
    double value = 1;
    for (int k = 30; k > 0; k--) {
        value = 1 - part / k * value;
    }
    for (int i = 0; i < 6; i++) {
        value *= value;
    }
    return value;
}

/* Gaussian of sum 1, cut at full (three standard deviations) and once more at radius,
 * the farthest that the image can reach. */
static void fill_kernel(double sigma, size_t full, size_t radius, float *middle)
{
    /* g(k) = exp(-k^2 / (2 sigma^2)) = g(k - 1) ratio^(2k - 1) */
    const double ratio = decay(1 / (2 * sigma * sigma));
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

static bool is_within(double value, double low, double high)
{
    return value >= low && value <= high; /* NaN is not */
}

static sn_status check(const sn_augment_spec *spec, size_t rows, size_t cols,
                       sn_error *err)
{
    const struct {
        const char *key;
        double value, low, high;
    } ranges[] = {
        {"rotation", spec->rotation, 0, 180},   {"shear", spec->shear, 0, 10},
        {"scale", spec->scale, 0, 1 - 0x1p-52}, {"shift", spec->shift, 0, 1e6},
        {"sigma", spec->sigma, 0.1, 100},       {"alpha", spec->alpha, 0, 1e6},
    };
    if ((unsigned)spec->kind > SN_AUGMENT_ELASTIC) {
        return sn_fail(err, SN_ECONFIG, "unknown distortion (augment.kind = %d)",
                       (int)spec->kind);
    }
    const size_t count = spec->kind == SN_AUGMENT_ELASTIC  ? 6
                         : spec->kind == SN_AUGMENT_AFFINE ? 4
                                                           : 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_within(ranges[i].value, ranges[i].low, ranges[i].high)) {
            return sn_fail(err, SN_ECONFIG,
                           "distortion out of range (augment.%s = %g): it must lie "
                           "between %g and %g",
                           ranges[i].key, ranges[i].value, ranges[i].low,
                           ranges[i].high);
        }
    }
    if (rows == 0 || cols == 0 || rows > PIXELS_MAX || cols > PIXELS_MAX ||
        (uint64_t)(rows + BORDER) * (cols + BORDER) > PIXELS_MAX) {
        return sn_fail(err, SN_ERANGE,
                       "image size out of range (%zu x %zu): distortions take from 1 "
                       "to 2^30 pixels",
                       rows, cols);
    }
    return SN_OK;
}

static sn_status allocate_elastic(sn_augment *augment, sn_error *err)
{
    const size_t rows = augment->rows, cols = augment->cols;
    const size_t most = rows > cols ? rows : cols;
    const size_t full = (size_t)(3 * augment->spec.sigma) + 1;
    augment->radius = full < most ? full : most - 1;
    augment->width = (cols + LANES - 1) / LANES * LANES;
    augment->blocks = (rows * cols + 3) / 4;
    const size_t reach = augment->radius + LANES - 1;
    augment->kernel = sn_alloc(2 * reach + 1, sizeof(float));
    augment->words = sn_alloc(4 * augment->blocks, sizeof(uint32_t));
    augment->noise = sn_alloc(2 * cols, sizeof(float));
    augment->across = sn_alloc(2 * augment->width * rows, sizeof(float));
    augment->field = sn_alloc(2 * augment->width, sizeof(float));
    if (augment->kernel == NULL || augment->words == NULL || augment->noise == NULL ||
        augment->across == NULL || augment->field == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (distortions of %zu x %zu)",
                       rows, cols);
    }
    augment->middle = augment->kernel + reach;
    fill_kernel(augment->spec.sigma, full, augment->radius, augment->middle);
    return SN_OK;
}

static sn_status allocate(sn_augment *augment, sn_error *err)
{
    const size_t rows = augment->rows, cols = augment->cols;
    augment->stride = cols + BORDER;
    augment->image = sn_alloc((rows + BORDER) * augment->stride, sizeof(float));
    augment->weight_at = sn_alloc(2 * cols, sizeof(float));
    augment->index = sn_alloc(cols, sizeof(int32_t));
    if (augment->image == NULL || augment->weight_at == NULL ||
        augment->index == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (distortions of %zu x %zu)",
                       rows, cols);
    }
    return augment->spec.kind == SN_AUGMENT_ELASTIC ? allocate_elastic(augment, err)
                                                    : SN_OK;
}

sn_status sn_augment_create(const sn_augment_spec *spec, size_t rows, size_t cols,
                            sn_augment **augment, sn_error *err)
{
    *augment = NULL;
    sn_status status = check(spec, rows, cols, err);
    if (status != SN_OK) {
        return status;
    }
    sn_augment *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (distortions)");
    }
    made->spec = *spec;
    made->rows = rows;
    made->cols = cols;
    status = spec->kind == SN_AUGMENT_NONE ? SN_OK : allocate(made, err);
    if (status != SN_OK) {
        sn_augment_destroy(&made);
    }
    *augment = made;
    return status;
}

void sn_augment_destroy(sn_augment **augment)
{
    sn_augment *gone = *augment;
    if (gone == NULL) {
        return;
    }
    free(gone->image);
    free(gone->weight_at);
    free(gone->index);
    free(gone->kernel);
    free(gone->words);
    free(gone->noise);
    free(gone->across);
    free(gone->field);
    free(gone);
    *augment = NULL;
}
