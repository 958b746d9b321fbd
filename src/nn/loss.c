/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/loss.h"

#include <math.h>
#include <stdbool.h>

#include "nn/elementary.h"

/* Z := Z - the largest value of its row. */
SN_HOT
void subtract_maxima(size_t rows, size_t classes, sn_real *z)
{
    for (size_t i = 0; i < rows; i++) {
        sn_real *row = z + i * classes;
        sn_real max = row[0];
        for (size_t j = 1; j < classes; j++) {
            max = row[j] > max ? row[j] : max;
        }
        for (size_t j = 0; j < classes; j++) {
            row[j] -= max;
        }
    }
}

/* All rows are one array, so that short rows fill the vector registers too. */
SN_HOT
void exponentials(size_t count, sn_real *z)
{
    for (size_t i = 0; i < count; i++) {
        z[i] = sn_exp(z[i]);
    }
}

/* row := row / its sum.  Returns the sum. */
static double normalize(size_t classes, sn_real *row)
{
    double sum = 0;
    for (size_t j = 0; j < classes; j++) {
        sum += (double)row[j];
    }
    const sn_real scale = (sn_real)(1 / sum);
    for (size_t j = 0; j < classes; j++) {
        row[j] *= scale;
    }
    return sum;
}

void sn_softmax(size_t rows, size_t classes, sn_real *z)
{
    subtract_maxima(rows, classes, z);
    exponentials(rows * classes, z);
    for (size_t i = 0; i < rows; i++) {
        (void)normalize(classes, z + i * classes);
    }
}

/* Returns true if label is the first largest value of row, after subtract_maxima. */
static bool is_first_largest(size_t classes, const sn_real *row, size_t label)
{
    bool earlier = false;
    for (size_t j = 0; j < classes; j++) {
        earlier |= (j < label) & (row[j] == 0);
    }
    return !earlier && row[label] == 0;
}

/* Returns the sum over the classes of target times output. */
static double expected_output(size_t classes, const sn_real *row, size_t label,
                              double smoothing)
{
    if (smoothing == 0) { /* other outputs may be infinite */
        return (double)row[label];
    }
    double sum = 0;
    for (size_t j = 0; j < classes; j++) {
        sum += (double)row[j];
    }
    return (1 - smoothing) * (double)row[label] + smoothing / (double)classes * sum;
}

/* sn_softmax_gradient of a few rows, which stay in the cache. */
static void block_gradient(size_t rows, size_t classes, const uint8_t *labels,
                           double smoothing, sn_real *z, sn_loss *loss)
{
    const sn_real own = (sn_real)(1 - smoothing);
    const sn_real even = (sn_real)(smoothing / (double)classes);
    subtract_maxima(rows, classes, z);
    for (size_t i = 0; i < rows; i++) {
        const sn_real *row = z + i * classes;
        loss->correct += is_first_largest(classes, row, labels[i]);
        loss->sum -= expected_output(classes, row, labels[i], smoothing);
    }
    exponentials(rows * classes, z);
    for (size_t i = 0; i < rows; i++) {
        sn_real *row = z + i * classes;
        loss->sum += log(normalize(classes, row));
        for (size_t j = 0; smoothing > 0 && j < classes; j++) {
            row[j] -= even;
        }
        row[labels[i]] -= own;
    }
}

sn_loss sn_softmax_gradient(size_t rows, size_t classes, const uint8_t *labels,
                            double smoothing, sn_real *z)
{
    enum { BLOCK = 64 };
    sn_loss loss = {0, 0};
    for (size_t i = 0; i < rows; i += BLOCK) {
        block_gradient(rows - i < BLOCK ? rows - i : BLOCK, classes, labels + i,
                       smoothing, z + i * classes, &loss);
    }
    return loss;
}
