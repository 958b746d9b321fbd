/* SPDX-License-Identifier: BSD-3-Clause */
/* Images with two shapes or a frame, and transparent pictures whose ink is bright. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/image/image.h"
#include "data/image/shapes.h"
#include "data/synth.h"
#include "make_png.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, DIGITS = 500 };

static uint8_t image[PIXELS];

static void clear(void)
{
    memset(image, 0, sizeof image);
}

/* Fills rows top .. bottom and columns left .. right. */
static void fill(int top, int left, int bottom, int right, int level)
{
    for (int i = top; i <= bottom; i++) {
        memset(image + i * SIDE + left, level, (size_t)right - (size_t)left + 1);
    }
}

static void expect(bool two, bool frame)
{
    sn_shapes shapes;
    sn_error err;
    assert_int_equal(sn_shapes_find(image, SIDE, SIDE, &shapes, &err), SN_OK);
    assert_int_equal(shapes.two, two);
    assert_int_equal(shapes.frame, frame);
}

static void two_bars_are_two_shapes(void **state)
{
    (void)state;
    clear();
    fill(4, 6, 23, 9, 255);
    expect(false, false);
    fill(4, 11, 23, 14, 255); /* an empty column between them */
    expect(true, false);
    fill(10, 10, 10, 10, 255); /* a bridge */
    expect(false, false);
}

static void shapes_that_share_columns_must_be_further_apart(void **state)
{
    (void)state;
    for (int gap = 1; gap <= 4; gap++) {
        clear();
        fill(4, 8, 9, 20, 255);
        fill(10 + gap, 8, 16, 14, 255);
        expect(gap > 1, false);
    }
}

static void a_small_or_faint_shape_does_not_count(void **state)
{
    (void)state;
    clear();
    fill(4, 4, 23, 7, 255);
    fill(4, 14, 8, 16, 255); /* 15 pixels of 80 */
    expect(false, false);
    fill(4, 14, 8, 17, 255); /* 20, a quarter */
    expect(true, false);
    fill(4, 14, 8, 17, 31);
    expect(false, false);
}

static void a_frame_and_a_filled_square_are_frames(void **state)
{
    (void)state;
    clear();
    fill(4, 4, 23, 23, 255);
    expect(false, true);
    fill(6, 6, 21, 21, 0);
    expect(false, true);
    fill(4, 10, 5, 16, 0); /* a side with a wide gap */
    expect(false, false);
    clear();
    fill(4, 12, 23, 15, 255); /* a stroke */
    expect(false, false);
}

static void digits_are_neither(void **state)
{
    static uint8_t digits[DIGITS * PIXELS], labels[DIGITS];
    int wrong = 0;
    (void)state;
    sn_synth_draw(1, 0, DIGITS, digits, labels);
    for (size_t i = 0; i < DIGITS; i++) {
        sn_shapes shapes;
        sn_error err;
        assert_int_equal(sn_shapes_find(digits + i * PIXELS, SIDE, SIDE, &shapes, &err),
                         SN_OK);
        wrong += shapes.two || shapes.frame;
    }
    assert_in_range(wrong, 0, DIGITS / 100);
}

/* Every size of image, also one pixel, stays inside its memory. */
static void every_size_is_examined(void **state)
{
    (void)state;
    for (size_t rows = 1; rows <= 12; rows++) {
        for (size_t cols = 1; cols <= 12; cols++) {
            sn_shapes shapes;
            sn_error err;
            uint8_t *exact = malloc(rows * cols);
            assert_non_null(exact);
            for (int level = 0; level <= 255; level += 255) {
                memset(exact, level, rows * cols);
                assert_int_equal(sn_shapes_find(exact, rows, cols, &shapes, &err),
                                 SN_OK);
                assert_false(shapes.two);
                assert_int_equal(shapes.frame, level > 0 && rows >= 8 && cols >= 8);
            }
            free(exact);
        }
    }
}

/* Writes one row of four pixels, grey and alpha, and expects these levels. */
static void expect_levels(const uint8_t values[8], const uint8_t levels[4])
{
    static const char path[] = "test_shapes.png";
    sn_images images;
    sn_error err = {""};
    make_png(path, &(png_spec){.width = 4,
                               .height = 1,
                               .depth = 8,
                               .colour = PNG_COLOR_TYPE_GRAY_ALPHA,
                               .rows = values});
    const sn_status status = sn_image_read(path, &images, &err);
    unlink(path);
    assert_int_equal(status, SN_OK);
    assert_memory_equal(images.pixels, levels, 4);
    sn_image_clear(&images);
}

static void bright_ink_on_transparency_is_on_black(void **state)
{
    (void)state;
    /* white, half of white, light grey and nothing, on black */
    expect_levels((const uint8_t[]){255, 255, 255, 128, 200, 255, 9, 0},
                  (const uint8_t[]){255, 128, 200, 0});
    /* dark ink, also on a bright card, stays on white */
    expect_levels((const uint8_t[]){0, 255, 0, 128, 255, 255, 9, 0},
                  (const uint8_t[]){0, 127, 255, 255});
    expect_levels((const uint8_t[]){127, 255, 255, 255, 200, 255, 9, 0},
                  (const uint8_t[]){127, 255, 200, 255});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_bars_are_two_shapes),
        cmocka_unit_test(shapes_that_share_columns_must_be_further_apart),
        cmocka_unit_test(a_small_or_faint_shape_does_not_count),
        cmocka_unit_test(a_frame_and_a_filled_square_are_frames),
        cmocka_unit_test(digits_are_neither),
        cmocka_unit_test(every_size_is_examined),
        cmocka_unit_test(bright_ink_on_transparency_is_on_black),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
