/* SPDX-License-Identifier: BSD-3-Clause */
/* Gaussian noise on inputs: its distribution, its keys, and that each kind of distortion
 * adds it. */
#include "support.h"

#include <string.h>

#include "data/augment.h"
#include "data/noise.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, SEED = 11 };

static sn_augment *create(const sn_augment_spec *spec)
{
    sn_error err;
    sn_augment *augment;
    assert_int_equal(sn_augment_create(spec, SIDE, SIDE, &augment, &err), SN_OK);
    return augment;
}

/* Counts, moments and tails of a normal distribution over 1.6 million numbers; the
 * bounds are about five standard errors. */
static void noise_is_normal_and_follows_its_keys(void **state)
{
    (void)state;
    enum { SAMPLES = 2000, COUNT = 1024 };
    const double deviation = 0.25, n = (double)SAMPLES * PIXELS;
    double sum = 0, square = 0, fourth = 0, neighbours = 0, beyond = 0;
    static float x[COUNT], y[COUNT];
    for (uint32_t sample = 0; sample < SAMPLES; sample++) {
        memset(x, 0, sizeof x);
        sn_noise_add(deviation, SEED, 3, sample, PIXELS, x);
        for (size_t i = 0; i < PIXELS; i++) {
            const double z = (double)x[i] / deviation;
            sum += z;
            square += z * z;
            fourth += z * z * z * z;
            neighbours += i > 0 ? z * (double)x[i - 1] / deviation : 0;
            beyond += fabs(z) > 3;
            assert_true(fabs(z) < 6);
        }
    }
    assert_true(fabs(sum / n) < 0.004 && fabs(neighbours / n) < 0.004);
    assert_true(fabs(square / n - 1) < 0.006 && fabs(fourth / n - 3) < 0.04);
    assert_true(fabs(beyond / n - 0.0026998) < 0.0003);
    for (size_t count = 1; count <= COUNT; count += 93) {
        memset(x, 0, sizeof x);
        memset(y, 0, sizeof y);
        sn_noise_add(deviation, SEED, 3, 5, count, x);
        sn_noise_add(deviation, SEED, 3, 5, count, y);
        assert_memory_equal(x, y, sizeof x);
        assert_true(count == COUNT || x[count] == 0);
        sn_noise_add(-deviation, SEED, 4, 5, count, y);
        assert_true(x[0] != y[0] && y[0] != 0);
    }
}

/* The noise is added to the distorted image. */
static void noise_is_added_to_every_kind(void **state)
{
    (void)state;
    static uint8_t image[PIXELS];
    static float plain[PIXELS], noisy[PIXELS];
    for (size_t i = 0; i < PIXELS; i++) {
        image[i] = (uint8_t)(i * 37);
    }
    for (int kind = SN_AUGMENT_NONE; kind <= SN_AUGMENT_ELASTIC; kind++) {
        sn_augment_spec spec = {(sn_augment_kind)kind, 15, 0.2, 0.2, 2, 4, 34, 0};
        assert_true(sn_augment_is_active(&spec) == (kind != SN_AUGMENT_NONE));
        sn_augment *without = create(&spec);
        spec.noise = 0.5;
        assert_true(sn_augment_is_active(&spec));
        sn_augment *with = create(&spec);
        sn_augment_apply(without, SEED, 2, 9, image, plain);
        sn_augment_apply(with, SEED, 2, 9, image, noisy);
        sn_noise_add(0.5, SEED, 2, 9, PIXELS, plain);
        assert_memory_equal(plain, noisy, sizeof plain);
        sn_augment_destroy(&without);
        sn_augment_destroy(&with);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_is_normal_and_follows_its_keys),
        cmocka_unit_test(noise_is_added_to_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
