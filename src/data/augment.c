/* SPDX-License-Identifier: BSD-3-Clause */
/* Pixel q of the distorted image is the value of the image at
 *
 *     p = M q + o + field(q)
 *
 * relative to the centre of the image.  M and o are the inverse of scale, then shear,
 * then rotation, then shift; elastic.h computes the field, which takes most of the time.
 * The image is sampled bilinearly, from a copy with a black border.
 *
 * All additions have a fixed order and no function of a mathematics library is called:
 * the result has the same bits on every machine. */
#include "data/augment.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/numeric/real.h"
#include "base/numeric/rng.h"
#include "base/numeric/series.h"
#include "data/batch.h"
#include "data/elastic.h"
#include "data/noise.h"

enum {
    BORDER = 3, /* black rows and columns: one before the image, two after it */
    PIXELS_MAX = 1 << 30
};

struct sn_augment {
    sn_augment_spec spec;
    size_t rows, cols;
    size_t stride;       /* columns of image */
    float *image;        /* (rows + BORDER, stride): the input with its border */
    float *fractions;    /* fractions of one row of p: x (cols), then y (cols) */
    int32_t *index;      /* (cols): index into image of the pixel above and left of p */
    sn_elastic *elastic; /* NULL unless the kind is SN_AUGMENT_ELASTIC */
};

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
    sn_sine_cosine(degree * draw_within(&rng, spec->rotation), &sine, &cosine);
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

/* x (cols) := one row of the result.  dx (cols) and dy (cols) are its displacements;
 * dx may be NULL. */
SN_HOT
void resample_row(const sn_augment *augment, const lookup *at, size_t row,
                  const float *restrict dx, const float *restrict dy, float *restrict x)
{
    const size_t cols = augment->cols;
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
        if (dx != NULL) {
            px += dx[j];
            py += dy[j];
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

static void distort(sn_augment *augment, uint64_t seed, uint32_t epoch, uint32_t sample,
                    const uint8_t *image, float *x)
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
    const float *dx = NULL, *dy = NULL;
    if (augment->elastic != NULL) {
        sn_elastic_begin(augment->elastic, seed, epoch, sample);
    }
    for (size_t r = 0; r < rows; r++) {
        if (augment->elastic != NULL) {
            sn_elastic_row(augment->elastic, r, &dx, &dy);
        }
        resample_row(augment, &at, r, dx, dy, x + r * cols);
    }
}

void sn_augment_apply(sn_augment *augment, uint64_t seed, uint32_t epoch,
                      uint32_t sample, const uint8_t *image, float *x)
{
    distort(augment, seed, epoch, sample, image, x);
    if (augment->spec.noise > 0) {
        sn_noise_add(augment->spec.noise, seed, epoch, sample,
                     augment->rows * augment->cols, x);
    }
}

bool sn_augment_is_active(const sn_augment_spec *spec)
{
    return spec->kind != SN_AUGMENT_NONE || spec->noise > 0;
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
        {"noise", spec->noise, 0, 10},  {"rotation", spec->rotation, 0, 180},
        {"shear", spec->shear, 0, 10},  {"scale", spec->scale, 0, 1 - 0x1p-52},
        {"shift", spec->shift, 0, 1e6}, {"sigma", spec->sigma, 0.1, 100},
        {"alpha", spec->alpha, 0, 1e6},
    };
    if ((unsigned)spec->kind > SN_AUGMENT_ELASTIC) {
        return sn_fail(err, SN_ECONFIG, "unknown distortion (augment.kind = %d)",
                       (int)spec->kind);
    }
    const size_t count = spec->kind == SN_AUGMENT_ELASTIC  ? 7
                         : spec->kind == SN_AUGMENT_AFFINE ? 5
                                                           : 1;
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
    const sn_augment_spec *spec = &augment->spec;
    return spec->kind == SN_AUGMENT_ELASTIC
               ? sn_elastic_create(spec->sigma, spec->alpha, rows, cols,
                                   &augment->elastic, err)
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
    sn_elastic_destroy(&a->elastic);
    free(a);
    *augment = NULL;
}
