/* SPDX-License-Identifier: BSD-3-Clause */
/* Pixel q of the distorted image is the value of the image at
 *
 *     p = M q + o + field(q)
 *
 * relative to the centre of the image.  M and o are the inverse of scale, then shear,
 * then rotation, then shift.  Most of the time is spent on the fields:
 *
 *   words      one Philox word per pixel; the low half is for dx, the high half for dy
 *   across     smooth each row of noise along the row
 *   down       smooth the result along the columns, one row at a time
 *   resample   bilinear, from a copy of the image with a black border
 *
 * Noise outside the image is zero, so the fields become weaker towards the corners.
 * All additions have a fixed order and no function of a mathematics library is called:
 * the result has the same bits on every machine. */
#include "data/augment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/numeric/real.h"
#include "base/numeric/rng.h"
#include "data/batch.h"

enum {
    LANES = 32, /* number of sums that stay in registers */
    BORDER = 3, /* black rows and columns: one before the image, two after it */
    PIXELS_MAX = 1 << 30
};

struct sn_augment {
    sn_augment_spec spec;
    size_t rows, cols;
    size_t stride;    /* columns of image */
    float *image;     /* (rows + BORDER, stride): the input with its border */
    float *fractions; /* fractions of one row of p: x (cols), then y (cols) */
    int32_t *index;   /* (cols): index into image of the pixel above and left of p */
    /* The following fields are used only by SN_AUGMENT_ELASTIC. */
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

/* out[i] := sum of weight[t] * in[t * step + i] over t = 0 .. taps - 1, in this order,
 * for i = 0 .. LANES - 1; taps >= 1.  The number of sums is constant, so that
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
static void smooth_across(const sn_augment *augment, const float *noise, float *across)
{
    const size_t radius = augment->radius;
    for (size_t first = 0; first < augment->width; first += LANES) {
        size_t begin;
        const size_t taps =
            window(first, first + LANES - 1, radius, augment->cols, &begin);
        const float *kernel = augment->middle + ((ptrdiff_t)first - (ptrdiff_t)begin);
        weighted_sums(taps, noise + begin, -1, kernel, across + first);
    }
}

/* field := row r of both fields: dx (width), then dy (width). */
static void smooth_down(const sn_augment *augment, size_t r, float *field)
{
    const size_t width = 2 * augment->width;
    size_t begin;
    const size_t taps = window(r, r, augment->radius, augment->rows, &begin);
    const float *weight = augment->middle + ((ptrdiff_t)begin - (ptrdiff_t)r);
    const float *across = augment->across + begin * width;
    for (size_t first = 0; first < width; first += LANES) {
        weighted_sums(taps, weight, (ptrdiff_t)width, across + first, field + first);
    }
}

/* Draws the noise of all rows and smooths it along the rows. */
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

/* The affine map: x = xc * col + xr * row + x0, likewise y.  x and y are coordinates in
 * the image with border; (1, 1) is the first pixel of the image. */
typedef struct lookup {
    double xc, xr, x0, yc, yr, y0;
} lookup;

/* Returns a number uniform on (-half, half). */
static double draw_within(sn_rng *rng, double half)
{
    return half * (2 * (double)sn_rng_uniform(rng) - 1);
}

/* q = R H S p + t relative to the centre, so p = S^-1 H^-1 R^-1 (q - t). */
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

/* Limits a coordinate to the border, which is black. */
static inline float clamp(float value, float limit)
{
    value = value > 0 ? value : 0;
    return value < limit ? value : limit;
}

/* x (cols) := one row of the result.  field is NULL, or dx (width), dy (width) of the
 * row. */
SN_HOT
void resample_row(const sn_augment *augment, const lookup *at, size_t row,
                  const float *restrict field, float *restrict x)
{
    const size_t cols = augment->cols, width = augment->width;
    const int32_t stride = (int32_t)augment->stride;
    const float right = (float)(cols + 1), low = (float)(augment->rows + 1);
    const float x0 = (float)(at->xr * (double)row + at->x0);
    const float y0 = (float)(at->yr * (double)row + at->y0);
    const float xc = (float)at->xc, yc = (float)at->yc;
    float *restrict fx = augment->fractions, *restrict fy = augment->fractions + cols;
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

/* Returns exp(-x) for x >= 0: the Taylor series of exp(-x / 64), squared six times. */
static double exp_minus(double x)
{
    const double small = x / 64;
    double value = 1;
    for (int k = 30; k > 0; k--) {
        value = 1 - small / k * value;
    }
    for (int i = 0; i < 6; i++) {
        value *= value;
    }
    return value;
}

/* Computes a Gaussian kernel that ends after full pixels (three standard deviations)
 * and has the sum 1.  middle receives only the weights up to radius <= full, because an
 * image has no pixels that are farther apart. */
static void fill_kernel(double sigma, size_t full, size_t radius, float *middle)
{
    /* g(k) = exp(-k^2 / (2 sigma^2)) = g(k - 1) ratio^(2k - 1) */
    const double ratio = exp_minus(1 / (2 * sigma * sigma));
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
    return value >= low && value <= high; /* false for NaN */
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
                       "image size out of range (%zu x %zu): distortions support 1 to "
                       "2^30 pixels",
                       rows, cols);
    }
    return SN_OK;
}

static sn_status allocate_elastic(sn_augment *augment, sn_error *err)
{
    const size_t rows = augment->rows, cols = augment->cols;
    const size_t longest = rows > cols ? rows : cols;
    const size_t full = (size_t)(3 * augment->spec.sigma) + 1;
    augment->radius = full < longest ? full : longest - 1;
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
    augment->fractions = sn_alloc(2 * cols, sizeof(float));
    augment->index = sn_alloc(cols, sizeof(int32_t));
    if (augment->image == NULL || augment->fractions == NULL ||
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
    sn_augment *a = *augment;
    if (a == NULL) {
        return;
    }
    free(a->image);
    free(a->fractions);
    free(a->index);
    free(a->kernel);
    free(a->words);
    free(a->noise);
    free(a->across);
    free(a->field);
    free(a);
    *augment = NULL;
}
