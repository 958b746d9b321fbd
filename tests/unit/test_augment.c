/* SPDX-License-Identifier: BSD-3-Clause */
/* Distortions: they depend only on their keys, and have the kind and the size that
 * augment.h documents. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/numeric/digest.h"
#include "base/numeric/rng.h"
#include "data/augment.h"
#include "data/batch.h"
#include "data/synth.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, SEED = 11, LARGEST = 6400 /* pixels */ };

/* The values are kind, rotation, shear, scale, shift, sigma, alpha, noise. */
static const sn_augment_spec strong = {SN_AUGMENT_ELASTIC, 15, 0.2, 0.2, 2, 4, 34, 0};
static const sn_augment_spec wild = {
    SN_AUGMENT_ELASTIC, 180, 10, 0.99, 30, 0.1, 1e6, 0};

static sn_augment *create(const sn_augment_spec *spec, size_t rows, size_t cols)
{
    sn_error err;
    sn_augment *augment;
    assert_int_equal(sn_augment_create(spec, rows, cols, &augment, &err), SN_OK);
    return augment;
}

/* Fills image with random bytes. */
static void fill_bytes(uint8_t *image, size_t count)
{
    sn_rng rng;
    sn_rng_init(&rng, 1, SN_RNG_SYNTH, 0, 0, 0);
    for (size_t i = 0; i < count; i++) {
        image[i] = (uint8_t)(sn_rng_next(&rng) >> 24);
    }
}

/* Draws a white box: rows top .. bottom - 1, columns left .. right - 1. */
static void fill_box(uint8_t image[PIXELS], size_t top, size_t bottom, size_t left,
                     size_t right)
{
    memset(image, 0, PIXELS);
    for (size_t r = top; r < bottom; r++) {
        memset(image + r * SIDE + left, 255, right - left);
    }
}

/* Draws a white disc with a soft edge in the centre. */
static void fill_disc(uint8_t image[PIXELS], double radius)
{
    for (size_t i = 0; i < PIXELS; i++) {
        double x = (double)(i % SIDE) - 13.5, y = (double)(i / SIDE) - 13.5;
        double inside = 0.5 + (radius - sqrt(x * x + y * y)) / 4;
        image[i] = (uint8_t)(255 * fmin(1, fmax(0, inside)));
    }
}

static void to_float(const uint8_t image[PIXELS], float x[PIXELS])
{
    for (size_t i = 0; i < PIXELS; i++) {
        x[i] = (float)image[i] * (float)SN_INPUT_SCALE;
    }
}

/* Moments relative to the centre of the image; all except mass are divided by mass. */
typedef struct moments {
    double mass, x, y, xx, yy, xy;
} moments;

static moments moments_of(const float *x, size_t rows, size_t cols)
{
    moments m = {0};
    for (size_t i = 0; i < rows * cols; i++) {
        const double v = (double)x[i];
        const double dx = (double)(i % cols) - ((double)cols - 1) / 2;
        const double dy = (double)(i / cols) - ((double)rows - 1) / 2;
        m.mass += v;
        m.x += v * dx;
        m.y += v * dy;
        m.xx += v * dx * dx;
        m.yy += v * dy * dy;
        m.xy += v * dx * dy;
    }
    return (moments){m.mass,        m.x / m.mass,  m.y / m.mass,
                     m.xx / m.mass, m.yy / m.mass, m.xy / m.mass};
}

static void ranges_of_zero_leave_the_image_unchanged(void **state)
{
    (void)state;
    static uint8_t image[LARGEST];
    static float x[LARGEST];
    const sn_augment_spec specs[] = {
        {.kind = SN_AUGMENT_NONE, .rotation = NAN, .sigma = -1},
        {.kind = SN_AUGMENT_AFFINE, .sigma = -1, .alpha = NAN},
        {.kind = SN_AUGMENT_ELASTIC, .sigma = 6}};
    const size_t sizes[][2] = {{28, 28}, {1, 1},  {1, 9},    {9, 1},
                               {2, 3},   {40, 3}, {33, 130}, {200, 31}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const size_t rows = sizes[s][0], cols = sizes[s][1];
        fill_bytes(image, rows * cols);
        for (size_t k = 0; k < sizeof specs / sizeof specs[0]; k++) {
            sn_augment *augment = create(&specs[k], rows, cols);
            sn_augment_apply(augment, SEED, 3, 4, image, x);
            for (size_t i = 0; i < rows * cols; i++) {
                const float expected = (float)image[i] * (float)SN_INPUT_SCALE;
                assert_memory_equal(&x[i], &expected, sizeof expected);
            }
            sn_augment_destroy(&augment);
            assert_null(augment);
        }
    }
}

/* The order of the calls and the object do not matter. */
static void a_distortion_is_a_function_of_seed_epoch_and_sample(void **state)
{
    (void)state;
    const struct {
        uint64_t seed;
        uint32_t epoch, sample;
    } keys[] = {
        {1, 0, 0}, {2, 0, 0}, {UINT64_C(1) << 32 | 1, 0, 0}, {1, 1, 0}, {1, 0, 1}};
    enum { KEYS = sizeof keys / sizeof keys[0] };
    static float x[KEYS][PIXELS], again[PIXELS];
    uint8_t image[PIXELS];
    fill_disc(image, 8);
    for (int kind = SN_AUGMENT_AFFINE; kind <= SN_AUGMENT_ELASTIC; kind++) {
        sn_augment_spec spec = strong;
        spec.kind = (sn_augment_kind)kind;
        sn_augment *augments[2] = {create(&spec, SIDE, SIDE),
                                   create(&spec, SIDE, SIDE)};
        for (size_t i = 0; i < KEYS; i++) {
            sn_augment_apply(augments[0], keys[i].seed, keys[i].epoch, keys[i].sample,
                             image, x[i]);
            for (size_t j = 0; j < i; j++) {
                assert_memory_not_equal(x[i], x[j], sizeof x[i]);
            }
        }
        for (size_t i = 2 * KEYS; i-- > 0;) {
            const size_t k = i / 2;
            sn_augment_apply(augments[i % 2], keys[k].seed, keys[k].epoch,
                             keys[k].sample, image, again);
            assert_memory_equal(x[k], again, sizeof again);
        }
        sn_augment_destroy(&augments[0]);
        sn_augment_destroy(&augments[1]);
    }
}

/* With another digest, existing runs could not be resumed with the same bits.  The
 * digest is the same for every instruction set. */
static void distorted_images_have_the_recorded_digest(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    static uint8_t images[COUNT * PIXELS], labels[COUNT], bytes[COUNT * PIXELS * 4];
    float x[PIXELS], plain[PIXELS];
    char digest[SN_DIGEST_TEXT_BYTES];
    double ratio = 0;
    sn_synth_draw(SN_SYNTH_SEED, 0, COUNT, images, labels);
    sn_augment *augment = create(&strong, SIDE, SIDE);
    for (uint32_t i = 0; i < COUNT; i++) {
        sn_augment_apply(augment, SEED, 7, i, images + i * PIXELS, x);
        for (size_t pixel = 0; pixel < PIXELS; pixel++) {
            uint32_t bits;
            memcpy(&bits, &x[pixel], sizeof bits);
            for (size_t k = 0; k < 4; k++) {
                bytes[(i * PIXELS + pixel) * 4 + k] = (uint8_t)(bits >> 8 * k);
            }
        }
        to_float(images + i * PIXELS, plain);
        /* a digit nearly keeps its ink and its place */
        const moments before = moments_of(plain, SIDE, SIDE);
        const moments after = moments_of(x, SIDE, SIDE);
        assert_true(after.mass > 0.4 * before.mass && after.mass < 2 * before.mass);
        assert_true(fabs(after.x - before.x) < 7 && fabs(after.y - before.y) < 7);
        ratio += after.mass / before.mass / COUNT;
    }
    sn_augment_destroy(&augment);
    assert_true(ratio > 0.9 && ratio < 1.1);
    assert_int_equal(sn_digest_buffer(bytes, sizeof bytes, digest, NULL), SN_OK);
    assert_string_equal(
        digest, "90c639d201ece56ff7a865934e2b2acb6aa60ee622b80e71583fbb0ad1991b05");
}

static void values_stay_between_0_and_1(void **state)
{
    (void)state;
    static uint8_t image[LARGEST], black[LARGEST];
    static float x[LARGEST], distorted_black[LARGEST];
    const size_t sizes[][2] = {{28, 28}, {1, 1}, {1, 50}, {50, 1}, {67, 5}, {3, 300}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const size_t rows = sizes[s][0], cols = sizes[s][1], count = rows * cols;
        const sn_augment_spec *specs[] = {&strong, &wild};
        for (size_t k = 0; k < 2; k++) {
            sn_augment *augment = create(specs[k], rows, cols);
            for (uint32_t sample = 0; sample < 200; sample++) {
                fill_bytes(image, count);
                sn_augment_apply(augment, SEED, 0, sample, image, x);
                sn_augment_apply(augment, SEED, 0, sample, black, distorted_black);
                for (size_t i = 0; i < count; i++) {
                    assert_true(x[i] >= 0 && x[i] <= 1);
                    assert_true(distorted_black[i] == 0);
                }
            }
            sn_augment_destroy(&augment);
        }
    }
}

/* The bilinear weights of a translation have the sum 1, so that ink inside the image
 * keeps its mass; pixels from outside are black. */
static void shift_moves_the_centre_and_keeps_the_mass(void **state)
{
    (void)state;
    const sn_augment_spec spec = {.kind = SN_AUGMENT_AFFINE, .shift = 5};
    uint8_t image[PIXELS];
    float x[PIXELS];
    fill_box(image, 9, 19, 11, 17);
    double smallest = 0, largest = 0, sum = 0;
    enum { COUNT = 400 };
    sn_augment *augment = create(&spec, SIDE, SIDE);
    for (uint32_t sample = 0; sample < COUNT; sample++) {
        sn_augment_apply(augment, SEED, 0, sample, image, x);
        const moments m = moments_of(x, SIDE, SIDE);
        assert_true(relative_difference(m.mass, 60, 1) < 1e-5);
        assert_true(fabs(m.x) < 5 + 1e-4 && fabs(m.y) < 5 + 1e-4);
        smallest = fmin(smallest, m.x);
        largest = fmax(largest, m.y);
        sum += m.x;
    }
    sn_augment_destroy(&augment);
    assert_true(smallest < -4.7 && largest > 4.7);
    assert_true(fabs(sum / COUNT) < 4 * 5 / sqrt(3.0 * COUNT));
    const sn_augment_spec away = {.kind = SN_AUGMENT_AFFINE, .shift = 1e6};
    memset(image, 255, sizeof image);
    augment = create(&away, SIDE, SIDE);
    sn_augment_apply(augment, SEED, 0, 0, image, x);
    for (size_t i = 0; i < PIXELS; i++) {
        assert_true(x[i] == 0);
    }
    sn_augment_destroy(&augment);
}

static void shear_moves_rows_in_proportion_to_their_height(void **state)
{
    (void)state;
    const sn_augment_spec spec = {.kind = SN_AUGMENT_AFFINE, .shear = 0.4};
    uint8_t image[PIXELS];
    float x[PIXELS];
    fill_box(image, 4, 24, 12, 16);
    sn_augment *augment = create(&spec, SIDE, SIDE);
    double smallest = 0, largest = 0;
    for (uint32_t sample = 0; sample < 100; sample++) {
        sn_augment_apply(augment, SEED, 0, sample, image, x);
        const double shear = moments_of(x + 4 * SIDE, 1, SIDE).x / (4 - 13.5);
        assert_true(fabs(shear) < 0.4 + 1e-4);
        smallest = fmin(smallest, shear);
        largest = fmax(largest, shear);
        for (size_t r = 4; r < 24; r++) {
            const moments m = moments_of(x + r * SIDE, 1, SIDE);
            assert_true(relative_difference(m.mass, 4, 1) < 1e-5);
            assert_true(fabs(m.x - shear * ((double)r - 13.5)) < 1e-4);
        }
    }
    sn_augment_destroy(&augment);
    assert_true(smallest < -0.35 && largest > 0.35);
}

static void rotation_turns_a_bar_and_keeps_a_disc(void **state)
{
    (void)state;
    const sn_augment_spec spec = {.kind = SN_AUGMENT_AFFINE, .rotation = 30};
    uint8_t disc[PIXELS], bar[PIXELS];
    float x[PIXELS];
    fill_disc(disc, 8);
    fill_box(bar, 12, 16, 5, 23);
    sn_augment *augment = create(&spec, SIDE, SIDE);
    double smallest = 0, largest = 0;
    for (uint32_t sample = 0; sample < 100; sample++) {
        sn_augment_apply(augment, SEED, 0, sample, disc, x);
        for (size_t i = 0; i < PIXELS; i++) {
            assert_true(fabs((double)x[i] - disc[i] * SN_INPUT_SCALE) < 0.08);
        }
        sn_augment_apply(augment, SEED, 0, sample, bar, x);
        const moments m = moments_of(x, SIDE, SIDE);
        assert_true(relative_difference(m.mass, 72, 1) < 0.02);
        assert_true(fabs(m.x) < 0.01 && fabs(m.y) < 0.01);
        const double degrees = atan2(2 * m.xy, m.xx - m.yy) * 90 / acos(-1.0);
        assert_true(fabs(degrees) < 30.5);
        smallest = fmin(smallest, degrees);
        largest = fmax(largest, degrees);
    }
    sn_augment_destroy(&augment);
    assert_true(smallest < -27 && largest > 27);
}

static void scale_stretches_each_axis_by_its_own_factor(void **state)
{
    (void)state;
    const sn_augment_spec spec = {.kind = SN_AUGMENT_AFFINE, .scale = 0.3};
    uint8_t image[PIXELS];
    float x[PIXELS];
    fill_disc(image, 7);
    to_float(image, x);
    const moments before = moments_of(x, SIDE, SIDE);
    double smallest = 1, largest = 1, apart = 0;
    sn_augment *augment = create(&spec, SIDE, SIDE);
    for (uint32_t sample = 0; sample < 200; sample++) {
        sn_augment_apply(augment, SEED, 0, sample, image, x);
        const moments m = moments_of(x, SIDE, SIDE);
        const double wide = sqrt(m.xx / before.xx), high = sqrt(m.yy / before.yy);
        assert_true(wide > 0.68 && wide < 1.32 && high > 0.68 && high < 1.32);
        assert_true(relative_difference(m.mass / before.mass, wide * high, 1) < 0.02);
        smallest = fmin(smallest, wide);
        largest = fmax(largest, high);
        apart = fmax(apart, fabs(wide - high));
    }
    sn_augment_destroy(&augment);
    assert_true(smallest < 0.75 && largest > 1.25 && apart > 0.4);
}

static void expect_error(sn_status expected, const sn_augment_spec *spec, size_t rows,
                         size_t cols, const char *word)
{
    sn_error err = {""};
    sn_augment *augment = (sn_augment *)(void *)&err;
    assert_int_equal(sn_augment_create(spec, rows, cols, &augment, &err), expected);
    assert_null(augment);
    assert_non_null(strstr(err.message, word));
}

static void values_out_of_range_are_rejected(void **state)
{
    (void)state;
    const struct {
        const char *word;
        size_t offset;
        double bad[3];
    } keys[] = {
        {"rotation", offsetof(sn_augment_spec, rotation), {-1, 181, NAN}},
        {"shear", offsetof(sn_augment_spec, shear), {-0.1, 11, NAN}},
        {"scale", offsetof(sn_augment_spec, scale), {-0.1, 1, NAN}},
        {"shift", offsetof(sn_augment_spec, shift), {-1, 2e6, INFINITY}},
        {"sigma", offsetof(sn_augment_spec, sigma), {0, -3, NAN}},
        {"alpha", offsetof(sn_augment_spec, alpha), {-1, INFINITY, NAN}},
        {"noise", offsetof(sn_augment_spec, noise), {-1, 11, NAN}},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        for (size_t k = 0; k < 3; k++) {
            sn_augment_spec spec = strong;
            memcpy((char *)&spec + keys[i].offset, &keys[i].bad[k], sizeof(double));
            expect_error(SN_ECONFIG, &spec, SIDE, SIDE, keys[i].word);
        }
    }
    const sn_augment_spec unknown = {.kind = (sn_augment_kind)3};
    expect_error(SN_ECONFIG, &unknown, SIDE, SIDE, "kind");
    expect_error(SN_ERANGE, &strong, 0, 5, "0 x 5");
    expect_error(SN_ERANGE, &strong, 40000, 40000, "40000 x 40000");
    expect_error(SN_ERANGE, &strong, SIZE_MAX, SIZE_MAX, " x ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_of_zero_leave_the_image_unchanged),
        cmocka_unit_test(a_distortion_is_a_function_of_seed_epoch_and_sample),
        cmocka_unit_test(distorted_images_have_the_recorded_digest),
        cmocka_unit_test(values_stay_between_0_and_1),
        cmocka_unit_test(shift_moves_the_centre_and_keeps_the_mass),
        cmocka_unit_test(shear_moves_rows_in_proportion_to_their_height),
        cmocka_unit_test(rotation_turns_a_bar_and_keeps_a_disc),
        cmocka_unit_test(scale_stretches_each_axis_by_its_own_factor),
        cmocka_unit_test(values_out_of_range_are_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
