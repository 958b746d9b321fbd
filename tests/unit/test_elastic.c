/* SPDX-License-Identifier: BSD-3-Clause */
/* Elastic fields are the Gaussian filter of their noise, and have the documented size. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/numeric/rng.h"
#include "base/numeric/series.h"
#include "data/augment.h"
#include "data/elastic.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, SEED = 11, LARGEST = 6400 /* pixels */ };

static void sine_and_cosine_match_the_mathematics_library(void **state)
{
    (void)state;
    double sine, cosine;
    sn_sine_cosine(0, &sine, &cosine);
    assert_true(sine == 0 && cosine == 1);
    for (int i = -1800; i <= 1800; i++) {
        const double angle = i * (acos(-1.0) / 1800);
        sn_sine_cosine(angle, &sine, &cosine);
        assert_true(fabs(sine - sin(angle)) < 1e-14);
        assert_true(fabs(cosine - cos(angle)) < 1e-14);
    }
}

/* Returns one element of a field, computed again in double: noise from sn_rng_block, a
 * Gaussian in two dimensions, zero outside the image. */
static double plain_field(const sn_augment_spec *spec, size_t rows, size_t cols,
                          uint32_t sample, int axis, size_t row, size_t col)
{
    const long radius = (long)(3 * spec->sigma) + 1;
    const double spread = 2 * spec->sigma * spec->sigma;
    const size_t blocks = (rows * cols + 3) / 4;
    double total = 0, sum = 0;
    for (long k = -radius; k <= radius; k++) {
        total += exp(-(double)(k * k) / spread);
    }
    for (size_t i = 0; i < rows * cols; i++) {
        const long dy = (long)(i / cols) - (long)row, dx = (long)(i % cols) - (long)col;
        uint32_t words[4];
        sn_rng_block(SEED, SN_RNG_AUGMENT, SN_AUGMENT_STREAM_NOISE, 1, sample,
                     (uint32_t)(i % blocks), words);
        const uint32_t half = words[i / blocks] >> 16 * axis & 0xFFFF;
        if (labs(dx) <= radius && labs(dy) <= radius) {
            sum +=
                ((half + 0.5) / 32768 - 1) * exp(-(double)(dx * dx + dy * dy) / spread);
        }
    }
    return spec->alpha * sum / (total * total);
}

static sn_elastic *create_fields(const sn_augment_spec *spec, size_t rows, size_t cols)
{
    sn_error err = {""};
    sn_elastic *elastic = NULL;
    assert_int_equal(
        sn_elastic_create(spec->sigma, spec->alpha, rows, cols, &elastic, &err), SN_OK);
    return elastic;
}

/* dx (rows, cols), dy (rows, cols) := the fields of a sample. */
static void draw_fields(sn_elastic *elastic, uint32_t epoch, uint32_t sample,
                        size_t rows, size_t cols, float *dx, float *dy)
{
    sn_elastic_begin(elastic, SEED, epoch, sample);
    for (size_t r = 0; r < rows; r++) {
        const float *row_dx, *row_dy;
        sn_elastic_row(elastic, r, &row_dx, &row_dy);
        memcpy(dx + r * cols, row_dx, cols * sizeof *dx);
        memcpy(dy + r * cols, row_dy, cols * sizeof *dy);
    }
}

static void fields_match_a_plain_gaussian_filter(void **state)
{
    (void)state;
    static float field[2][LARGEST];
    const struct {
        size_t rows, cols;
        double sigma;
    } cases[] = {{28, 28, 6}, {1, 1, 6},    {9, 37, 2.5},
                 {40, 5, 1},  {70, 70, 20}, {3, 100, 0.1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const sn_augment_spec spec = {
            .kind = SN_AUGMENT_ELASTIC, .sigma = cases[i].sigma, .alpha = 36};
        const size_t rows = cases[i].rows, cols = cases[i].cols;
        sn_elastic *elastic = create_fields(&spec, rows, cols);
        draw_fields(elastic, 1, 2, rows, cols, field[0], field[1]);
        for (size_t k = 0; k < 24; k++) {
            const size_t pixel = k * 7919 % (rows * cols);
            for (int axis = 0; axis < 2; axis++) {
                const double expected =
                    plain_field(&spec, rows, cols, 2, axis, pixel / cols, pixel % cols);
                assert_true(relative_difference((double)field[axis][pixel], expected,
                                                1) < 1e-5);
            }
        }
        sn_elastic_destroy(&elastic);
    }
}

/* The root mean square is alpha / (sigma sqrt(12 pi)) in the middle and half of it in a
 * corner; the axes are independent; the correlation of neighbours is that of the
 * Gaussian. */
static void fields_have_the_documented_root_mean_square(void **state)
{
    (void)state;
    enum { COUNT = 2000, MIDDLE = 14 * SIDE + 14 };
    const sn_augment_spec spec = {.kind = SN_AUGMENT_ELASTIC, .sigma = 6, .alpha = 36};
    const double pi = acos(-1.0), expected = 36 / (6 * sqrt(12 * pi));
    static float dx[PIXELS], dy[PIXELS];
    double middle = 0, corner = 0, step = 0, product = 0;
    sn_elastic *elastic = create_fields(&spec, SIDE, SIDE);
    for (uint32_t sample = 0; sample < COUNT; sample++) {
        draw_fields(elastic, 0, sample, SIDE, SIDE, dx, dy);
        const double x = (double)dx[MIDDLE], y = (double)dy[MIDDLE];
        middle += (x * x + y * y) / 2;
        corner += ((double)dx[0] * (double)dx[0] + (double)dy[0] * (double)dy[0]) / 2;
        step += pow((double)dx[MIDDLE + 1] - x, 2);
        product += x * y;
    }
    sn_elastic_destroy(&elastic);
    const double measured = sqrt(middle / COUNT);
    assert_true(relative_difference(measured, expected, 0) < 0.07);
    assert_true(relative_difference(sqrt(corner / COUNT), expected / 2, 0) < 0.12);
    const double apart = 2 * measured * measured * (1 - exp(-1 / 144.0));
    assert_true(relative_difference(step / COUNT, apart, 0) < 0.15);
    assert_true(fabs(product / COUNT) < 5 * measured * measured / sqrt(COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sine_and_cosine_match_the_mathematics_library),
        cmocka_unit_test(fields_match_a_plain_gaussian_filter),
        cmocka_unit_test(fields_have_the_documented_root_mean_square),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
