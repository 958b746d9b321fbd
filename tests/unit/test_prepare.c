/* SPDX-License-Identifier: BSD-3-Clause */
/* Preparation of a user's picture: place and size of the ink, and the properties of the
 * picture that must not change the result. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "data/image/prepare.h"
#include "data/synth.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, DIGITS = 200, LARGEST = 640 };

static uint8_t digits[DIGITS * PIXELS]; /* sn_prepare does not change them */
static uint8_t canvas[LARGEST * LARGEST];
static bool at_edge; /* result of the last sn_prepare */

static void prepare(const uint8_t *pixels, size_t rows, size_t cols, uint8_t *image)
{
    sn_error err = {""};
    memset(image, 0xa5, PIXELS);
    if (sn_prepare("picture", pixels, rows, cols, image, SIDE, SIDE, &at_edge, &err) !=
        SN_OK) {
        fail_msg("%s", err.message);
    }
}

static int make_digits(void **state)
{
    (void)state;
    uint8_t labels[DIGITS];
    sn_synth_draw(1, 0, DIGITS, digits, labels);
    for (size_t i = 0; i < DIGITS; i++) {
        uint8_t *digit = digits + i * PIXELS, image[PIXELS];
        /* scaling can make an edge so faint that the next call removes it */
        int times = 0, changed = 1;
        while (changed && times++ < 20) {
            prepare(digit, SIDE, SIDE, image);
            changed = memcmp(digit, image, PIXELS) != 0;
            memcpy(digit, image, PIXELS);
        }
        if (changed) {
            return -1;
        }
    }
    return 0;
}

/* Place and strength of the ink of an image. */
typedef struct extent {
    size_t top, left, bottom, right;
    double down, across; /* centre of mass */
    int strongest;
} extent;

static extent measure(const uint8_t *image, size_t rows, size_t cols)
{
    extent e = {.top = rows, .left = cols};
    double mass = 0;
    for (size_t i = 0; i < rows * cols; i++) {
        const size_t r = i / cols, c = i % cols;
        if (image[i] > 0) {
            e.top = r < e.top ? r : e.top;
            e.bottom = r;
            e.left = c < e.left ? c : e.left;
            e.right = c > e.right ? c : e.right;
        }
        mass += image[i];
        e.down += (double)r * image[i];
        e.across += (double)c * image[i];
        e.strongest = image[i] > e.strongest ? image[i] : e.strongest;
    }
    e.down /= mass;
    e.across /= mass;
    return e;
}

static void expect_same(const uint8_t *a, const uint8_t *b, int slack)
{
    for (size_t i = 0; i < PIXELS; i++) {
        if (abs(a[i] - b[i]) > slack) {
            fail_msg("pixel %zu, %zu is %d, not %d", i / SIDE, i % SIDE, a[i], b[i]);
        }
    }
}

/* Returns the mean absolute difference in levels. */
static double difference(const uint8_t *a, const uint8_t *b)
{
    double sum = 0;
    for (size_t i = 0; i < PIXELS; i++) {
        sum += abs(a[i] - b[i]);
    }
    return sum / PIXELS;
}

/* canvas (rows, cols) := a digit with its corner at (top, left).  Each pixel becomes a
 * square of factor x factor with the level background + slope * pixel. */
static void paste(const uint8_t *digit, size_t factor, size_t top, size_t left,
                  size_t rows, size_t cols, double background, double slope)
{
    memset(canvas, (int)background, rows * cols);
    for (size_t i = 0; i < SIDE * factor; i++) {
        for (size_t j = 0; j < SIDE * factor; j++) {
            canvas[(top + i) * cols + left + j] = (uint8_t)lround(
                background + slope * digit[i / factor * SIDE + j / factor]);
        }
    }
}

static void a_prepared_digit_does_not_change_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIGITS; i++) {
        const uint8_t *digit = digits + i * PIXELS;
        uint8_t again[PIXELS];
        prepare(digit, SIDE, SIDE, again);
        assert_memory_equal(again, digit, PIXELS);
    }
}

static void place_integer_scale_and_polarity_do_not_matter(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIGITS; i++) {
        const uint8_t *digit = digits + i * PIXELS;
        uint8_t image[PIXELS];
        for (size_t factor = 1; factor <= 7; factor += 3) {
            const size_t rows = SIDE * factor + 3 + i, cols = SIDE * factor + 2 * i + 1;
            for (int dark = 0; dark < 2; dark++) {
                paste(digit, factor, i % 4, 2 * i, rows, cols, dark ? 255 : 0,
                      dark ? -1 : 1);
                prepare(canvas, rows, cols, image);
                expect_same(image, digit, 1);
            }
        }
    }
}

/* Draws grey ink on grey paper.  Few digits have a faint edge that is ink in one
 * picture and background in the other; their size changes by a twentieth. */
static void brightness_and_contrast_do_not_matter(void **state)
{
    (void)state;
    double sum = 0;
    static const double lines[][2] = {{30, 0.5}, {230, -0.75}, {120, -0.4}, {100, 0.6}};
    for (size_t i = 0; i < DIGITS; i++) {
        const uint8_t *digit = digits + i * PIXELS;
        uint8_t image[PIXELS];
        for (size_t k = 0; k < 4; k++) {
            paste(digit, 2, 5, 9, 70, 80, lines[k][0], lines[k][1]);
            prepare(canvas, 70, 80, image);
            sum += difference(image, digit);
            assert_true(difference(image, digit) < 25);
        }
    }
    assert_true(sum / (4 * DIGITS) < 0.5);
}

/* The paper has noise of about 5 levels, ink of 200 levels, and three dark specks. */
static void noise_and_specks_change_little(void **state)
{
    (void)state;
    enum { ROWS = 200, COLS = 180 };
    uint32_t word = 1;
    double sum = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        const uint8_t *digit = digits + i * PIXELS;
        uint8_t image[PIXELS];
        paste(digit, 4, 20, 30, ROWS, COLS, 230, -200 / 255.0);
        for (size_t k = 0; k < ROWS * COLS; k++) {
            int noise = 0;
            for (int times = 0; times < 4; times++) {
                word = word * 1664525 + 1013904223;
                noise += (int)((word >> 24) % 9) - 4;
            }
            canvas[k] = (uint8_t)(canvas[k] + noise);
        }
        canvas[5 * COLS + 100] = canvas[190 * COLS + 40] = canvas[60 * COLS + 170] = 30;
        prepare(canvas, ROWS, COLS, image);
        const extent a = measure(image, SIDE, SIDE), b = measure(digit, SIDE, SIDE);
        assert_true(fabs(a.down - b.down) <= 1 && fabs(a.across - b.across) <= 1);
        sum += difference(image, digit);
        assert_true(difference(image, digit) < 25);
    }
    if (!(sum / DIGITS < 6)) {
        fail_msg("%g levels on average", sum / DIGITS);
    }
}

/* canvas (rows, cols) := a ring with a bar and smooth edges; its box starts at (top,
 * left) and has the size high x wide. */
static void draw_figure(size_t rows, size_t cols, double top, double left, double high,
                        double wide)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < cols; j++) {
            const double v = ((double)i + 0.5 - top) / high * 2 - 1;
            const double u = ((double)j + 0.5 - left) / wide * 2 - 1;
            const double radius = sqrt(u * u + v * v);
            const double edge = 0.5 * fmin(high, wide) * (1 - radius) + 0.5;
            const int inside = radius > 0.7 || fabs(v + 0.2) < 0.15;
            canvas[i * cols + j] =
                inside ? (uint8_t)lround(255 * fmin(fmax(edge, 0), 1)) : 0;
        }
    }
}

static void resolution_changes_little(void **state)
{
    (void)state;
    uint8_t fine[PIXELS], coarse[PIXELS];
    draw_figure(LARGEST, LARGEST, 64, 128, 480, 320);
    prepare(canvas, LARGEST, LARGEST, fine);
    for (size_t rows = 60; rows <= 320; rows += 13) {
        const double unit = (double)rows / LARGEST;
        draw_figure(rows, rows, 64 * unit, 128 * unit, 480 * unit, 320 * unit);
        prepare(canvas, rows, rows, coarse);
        const extent e = measure(coarse, SIDE, SIDE);
        assert_in_range(e.bottom - e.top + 1, 20, 20);
        assert_in_range(e.right - e.left + 1, 13, 14);
        assert_true(difference(coarse, fine) < (rows < 100 ? 12 : 6));
    }
}

static void the_aspect_ratio_is_kept(void **state)
{
    (void)state;
    uint8_t image[PIXELS];
    for (size_t high = 1; high <= 200; high += high < 8 ? 1 : 17) {
        for (size_t wide = 1; wide <= 200; wide += wide < 8 ? 1 : 17) {
            memset(canvas, 0, 300 * 400);
            for (size_t i = 0; i < high; i++) {
                memset(canvas + (40 + i) * 400 + 90, 255, wide);
            }
            prepare(canvas, 300, 400, image);
            const extent e = measure(image, SIDE, SIDE);
            const double factor = 20.0 / (double)(high > wide ? high : wide);
            const double rows = fmax(1, factor * (double)high);
            const double cols = fmax(1, factor * (double)wide);
            assert_true(fabs((double)(e.bottom - e.top + 1) - rows) <= 0.5);
            assert_true(fabs((double)(e.right - e.left + 1) - cols) <= 0.5);
            assert_int_equal(e.strongest, 255);
            assert_true(fabs(e.down - 14) <= 0.5 && fabs(e.across - 14) <= 0.5);
        }
    }
}

/* Checks the centre of mass along one side.  Levels are rounded after the shift, which
 * moves the centre by a few hundredths. */
static void expect_centred(double centre, size_t first, size_t last, size_t side)
{
    const double off = centre - (double)(side / 2);
    if (fabs(off) > 0.55 && !(off > 0 && first == 0) &&
        !(off < 0 && last == side - 1)) {
        fail_msg("centre of mass at %g of %zu", centre, side);
    }
}

static void ink_is_centred_and_inside_for_every_image_size(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{28, 28}, {14, 14}, {27, 29}, {20, 45}, {45, 20},
                                      {7, 100}, {64, 64}, {2, 3},   {1, 1},   {1, 50}};
    sn_error err = {""};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const size_t rows = sizes[s][0], cols = sizes[s][1];
        uint8_t *image = malloc(rows * cols); /* sanitizers detect a byte too many */
        assert_non_null(image);
        for (size_t i = 0; i < DIGITS; i++) {
            paste(digits + i * PIXELS, 3, i % 11, i % 7, 100, 95, 255, -1);
            assert_int_equal(sn_prepare("picture", canvas, 100, 95, image, rows, cols,
                                        &at_edge, &err),
                             SN_OK);
            const extent e = measure(image, rows, cols);
            const double high = (double)(e.bottom - e.top + 1);
            const double wide = (double)(e.right - e.left + 1);
            expect_centred(e.down, e.top, e.bottom, rows);
            expect_centred(e.across, e.left, e.right, cols);
            assert_int_equal(e.strongest, 255);
            assert_true(high <= fmax(1, 20 * (double)rows / 28 + 0.5));
            assert_true(wide <= fmax(1, 20 * (double)cols / 28 + 0.5));
        }
        free(image);
    }
}

/* Nearly all ink is at one end, so that a centred digit would not fit into the image. */
static void lopsided_ink_stays_inside(void **state)
{
    (void)state;
    uint8_t image[PIXELS];
    memset(canvas, 0, 60 * 60);
    for (size_t i = 10; i < 50; i++) {
        canvas[i * 60 + 30] = 60;
    }
    for (size_t i = 46; i < 50; i++) {
        memset(canvas + i * 60 + 20, 255, 20);
    }
    prepare(canvas, 60, 60, image);
    const extent e = measure(image, SIDE, SIDE);
    assert_int_equal(e.top, 0);
    assert_int_equal(e.bottom, 19);
    assert_true(e.down > 14.5);
}

static void a_picture_without_ink_is_rejected(void **state)
{
    (void)state;
    uint8_t image[PIXELS];
    for (int level = 0; level < 256; level += 51) {
        static const size_t sizes[][2] = {{1, 1}, {1, 9}, {9, 1}, {2, 2}, {40, 30}};
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            sn_error err = {""};
            memset(canvas, level, sizes[s][0] * sizes[s][1]);
            canvas[sizes[s][0] * sizes[s][1] / 2] ^= 31; /* too faint for ink */
            assert_int_equal(sn_prepare("picture", canvas, sizes[s][0], sizes[s][1],
                                        image, SIDE, SIDE, &at_edge, &err),
                             SN_EDATA);
            assert_non_null(strstr(err.message, "no ink (picture)"));
        }
    }
    memset(canvas, 0, 25);
    canvas[12] = 32;
    prepare(canvas, 5, 5, image);
    assert_int_equal(measure(image, SIDE, SIDE).strongest, 255);
}

static void much_ink_among_the_outermost_pixels_is_found(void **state)
{
    uint8_t image[PIXELS];
    (void)state;
    for (size_t depth = 0; depth <= 20; depth += 10) {
        /* a digit on a page with a dark strip along its left side */
        paste(digits, 2, 12, 40, 80, 110, 255, -1);
        for (size_t i = 0; i < 80; i++) {
            memset(canvas + i * 110, 20, depth);
        }
        prepare(canvas, 80, 110, image);
        assert_int_equal(at_edge, depth > 0);
    }
    paste(digits, 2, 0, 0, 2 * SIDE, 2 * SIDE, 255, -1);
    prepare(canvas, 2 * SIDE, 2 * SIDE, image);
    assert_false(at_edge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prepared_digit_does_not_change_again),
        cmocka_unit_test(place_integer_scale_and_polarity_do_not_matter),
        cmocka_unit_test(brightness_and_contrast_do_not_matter),
        cmocka_unit_test(noise_and_specks_change_little),
        cmocka_unit_test(resolution_changes_little),
        cmocka_unit_test(the_aspect_ratio_is_kept),
        cmocka_unit_test(ink_is_centred_and_inside_for_every_image_size),
        cmocka_unit_test(lopsided_ink_stays_inside),
        cmocka_unit_test(a_picture_without_ink_is_rejected),
        cmocka_unit_test(much_ink_among_the_outermost_pixels_is_found),
    };
    return cmocka_run_group_tests(tests, make_digits, NULL);
}
