/* SPDX-License-Identifier: BSD-3-Clause */
/* Width normalization: place and width of the ink, and what stays as it is. */
#include "support.h"

#include <string.h>

#include "data/width.h"

enum { ROWS = 9, COLS = 20, PIXELS = ROWS * COLS };

/* Draws a box of ink: rows top .. bottom - 1, columns left .. right - 1. */
static void fill_box(uint8_t image[PIXELS], size_t top, size_t bottom, size_t left,
                     size_t right)
{
    memset(image, 0, PIXELS);
    for (size_t r = top; r < bottom; r++) {
        memset(image + r * COLS + left, 200, right - left);
    }
}

static void ink_gets_the_width_in_the_middle(void **state)
{
    (void)state;
    uint8_t image[PIXELS], found[PIXELS];
    for (size_t left = 0; left < COLS; left++) {
        for (size_t right = left + 1; right <= COLS; right++) {
            for (size_t width = 1; width <= COLS; width++) {
                fill_box(image, 2, 5, left, right);
                sn_width_normalize(ROWS, COLS, width, image, found);
                const size_t begin = (COLS - width) / 2;
                for (size_t i = 0; i < PIXELS; i++) {
                    const size_t r = i / COLS, c = i % COLS;
                    const bool inside =
                        r >= 2 && r < 5 && c >= begin && c < begin + width;
                    assert_true(inside ? found[i] >= 100 : found[i] == 0);
                    if (inside && c > begin + 1 && c + 2 < begin + width &&
                        width <= right - left) {
                        assert_true(found[i] >= 150);
                    }
                }
            }
        }
    }
}

static void ink_of_the_width_is_only_moved(void **state)
{
    (void)state;
    uint8_t image[PIXELS] = {0}, moved[PIXELS] = {0}, found[PIXELS];
    enum { WIDTH = 7 };
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t c = 0; c < WIDTH; c++) {
            image[r * COLS + 1 + c] = moved[r * COLS + (COLS - WIDTH) / 2 + c] =
                (uint8_t)(1 + 31 * r + 57 * c);
        }
    }
    sn_width_normalize(ROWS, COLS, WIDTH, image, found);
    assert_memory_equal(found, moved, PIXELS);
    memset(image, 0, PIXELS);
    sn_width_normalize(ROWS, COLS, WIDTH, image, found);
    assert_memory_equal(found, image, PIXELS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ink_gets_the_width_in_the_middle),
        cmocka_unit_test(ink_of_the_width_is_only_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
