/* SPDX-License-Identifier: BSD-3-Clause */
/* Synthetic digits: the bytes are fixed, all classes occur, and labels match images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/numeric/digest.h"
#include "data/synth.h"

enum { PIXELS = SN_SYNTH_ROWS * SN_SYNTH_COLS, COUNT = 600 };

typedef struct sheet {
    uint8_t images[COUNT * PIXELS];
    uint8_t labels[COUNT];
} sheet;

static sheet *draw(uint64_t seed)
{
    sheet *drawn = malloc(sizeof *drawn);
    assert_non_null(drawn);
    sn_synth_draw(seed, 0, COUNT, drawn->images, drawn->labels);
    return drawn;
}

/* With another digest, the data set and the results of existing runs would change. */
static void images_have_the_recorded_digest(void **state)
{
    (void)state;
    enum { FIRST = 100 };
    static uint8_t bytes[FIRST * (PIXELS + 1)];
    char digest[SN_DIGEST_TEXT_BYTES];
    sn_synth_draw(SN_SYNTH_SEED, 0, FIRST, bytes, bytes + FIRST * PIXELS);
    assert_int_equal(sn_digest_buffer(bytes, sizeof bytes, digest, NULL), SN_OK);
    assert_string_equal(
        digest, "b066ab5b3e485d1d10180e51c21d5013a7a3a7bf2aff12316f5e0592585bd834");
}

static void samples_do_not_depend_on_the_division_into_calls(void **state)
{
    (void)state;
    sheet *whole = draw(5), *parts = malloc(sizeof *parts);
    assert_non_null(parts);
    memset(parts, 77, sizeof *parts);
    size_t first = 0;
    for (size_t length = 0; first < COUNT; length++) {
        size_t count = length < COUNT - first ? length : COUNT - first;
        sn_synth_draw(5, first, count, parts->images + first * PIXELS,
                      parts->labels + first);
        first += count;
    }
    assert_memory_equal(whole, parts, sizeof *whole);
    free(whole);
    free(parts);
}

static void images_of_different_seeds_and_numbers_differ(void **state)
{
    (void)state;
    sheet *a = draw(1), *b = draw(2);
    for (size_t i = 0; i < COUNT; i++) {
        const uint8_t *image = a->images + i * PIXELS;
        assert_memory_not_equal(image, b->images + i * PIXELS, PIXELS);
        if (i > 0) {
            assert_memory_not_equal(image, image - PIXELS, PIXELS);
        }
    }
    uint8_t image[PIXELS], label;
    sn_synth_draw(1, (size_t)1 << 32, 1, image, &label);
    assert_memory_not_equal(image, a->images, PIXELS);
    free(a);
    free(b);
}

static void all_classes_are_about_equally_frequent(void **state)
{
    (void)state;
    sheet *drawn = draw(SN_SYNTH_SEED);
    size_t count[SN_SYNTH_CLASSES] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        assert_in_range(drawn->labels[i], 0, SN_SYNTH_CLASSES - 1);
        count[drawn->labels[i]]++;
    }
    /* the expected count is 60, with a standard deviation of 7.3 */
    for (size_t label = 0; label < SN_SYNTH_CLASSES; label++) {
        assert_in_range(count[label], 25, 95);
    }
    free(drawn);
}

static void digits_are_bright_on_black_and_centred(void **state)
{
    (void)state;
    sheet *drawn = draw(3);
    for (size_t i = 0; i < COUNT; i++) {
        const uint8_t *image = drawn->images + i * PIXELS;
        double mass = 0, x = 0, y = 0;
        int brightest = 0, dark = 0;
        for (int pixel = 0; pixel < PIXELS; pixel++) {
            int col = pixel % SN_SYNTH_COLS, row = pixel / SN_SYNTH_COLS;
            mass += image[pixel];
            x += image[pixel] * (col + 0.5);
            y += image[pixel] * (row + 0.5);
            brightest = image[pixel] > brightest ? image[pixel] : brightest;
            dark += image[pixel] == 0;
        }
        assert_true(brightest > 120);
        assert_true(dark > PIXELS / 3);
        assert_true(mass > 0.01 * 255 * PIXELS && mass < 0.4 * 255 * PIXELS);
        assert_true(x / mass > 9 && x / mass < 19);
        assert_true(y / mass > 9 && y / mass < 19);
    }
    free(drawn);
}

/* More than half of the images are nearer to the mean of their own class than to any
 * other mean; the means are those of images of another seed. */
static void labels_match_the_class_means_of_other_images(void **state)
{
    (void)state;
    static double mean[SN_SYNTH_CLASSES][PIXELS];
    sheet *train = draw(10), *test = draw(11);
    size_t count[SN_SYNTH_CLASSES] = {0};
    memset(mean, 0, sizeof mean);
    for (size_t i = 0; i < COUNT; i++) {
        count[train->labels[i]]++;
        for (size_t pixel = 0; pixel < PIXELS; pixel++) {
            mean[train->labels[i]][pixel] += train->images[i * PIXELS + pixel];
        }
    }
    size_t right = 0;
    for (size_t i = 0; i < COUNT; i++) {
        size_t best = 0;
        double least = 1e300;
        for (size_t label = 0; label < SN_SYNTH_CLASSES; label++) {
            double distance = 0;
            for (size_t pixel = 0; pixel < PIXELS; pixel++) {
                double d = test->images[i * PIXELS + pixel] -
                           mean[label][pixel] / (double)count[label];
                distance += d * d;
            }
            if (distance < least) {
                least = distance;
                best = label;
            }
        }
        right += best == test->labels[i];
    }
    assert_in_range(right, COUNT / 2, COUNT - COUNT / 20);
    free(train);
    free(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_have_the_recorded_digest),
        cmocka_unit_test(samples_do_not_depend_on_the_division_into_calls),
        cmocka_unit_test(images_of_different_seeds_and_numbers_differ),
        cmocka_unit_test(all_classes_are_about_equally_frequent),
        cmocka_unit_test(digits_are_bright_on_black_and_centred),
        cmocka_unit_test(labels_match_the_class_means_of_other_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
