/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/text/near.h"

#include <stdint.h>
#include <string.h>

enum { LETTERS_MAX = 63 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t sn_near_distance(const char *word, const char *name)
{
    const size_t rows = strlen(word), cols = strlen(name);
    if (rows > LETTERS_MAX || cols > LETTERS_MAX) {
        return SIZE_MAX;
    }
    /* d[i][j]: distance from the first i letters of word to the first j of name */
    size_t d[LETTERS_MAX + 1][LETTERS_MAX + 1];
    for (size_t i = 0; i <= rows; i++) {
        for (size_t j = 0; j <= cols; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            const size_t other = word[i - 1] != name[j - 1];
            d[i][j] =
                least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + other);
            if (i > 1 && j > 1 && word[i - 1] == name[j - 2] &&
                word[i - 2] == name[j - 1]) {
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
            }
        }
    }
    return 3 * d[rows][cols] <= rows ? d[rows][cols] : SIZE_MAX;
}
