/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/loss.h"

#include <math.h>

/* Returns the index of the first largest value. */
static size_t largest(size_t classes, const sn_real *z)
{
    size_t best = 0;
    for (size_t j = 1; j < classes; j++) {
        if (z[j] > z[best]) {
            best = j;
        }
    }
    return best;
}

/* e (classes) := exp(z - max); e may be z or NULL.  Returns the sum. */
static double exponentials(size_t classes, const sn_real *z, sn_real max, sn_real *e)
{
    double sum = 0;
    for (size_t j = 0; j < classes; j++) {
#ifdef SHARDNET_REAL_DOUBLE
        sn_real value = exp(z[j] - max);
#else
        sn_real value = expf(z[j] - max);
#endif
        if (e != NULL) {
            e[j] = value;
        }
        sum += (double)value;
    }
    return sum;
}

/* row := softmax(row).  Returns the sum of exp(row - max). */
static double normalize(size_t classes, sn_real max, sn_real *row)
{
    double sum = exponentials(classes, row, max, row);
    sn_real scale = (sn_real)(1 / sum);
    for (size_t j = 0; j < classes; j++) {
        row[j] *= scale;
    }
    return sum;
}

void sn_softmax(size_t rows, size_t classes, sn_real *z)
{
    for (size_t i = 0; i < rows; i++) {
        sn_real *row = z + i * classes;
        (void)normalize(classes, row[largest(classes, row)], row);
    }
}

sn_loss sn_softmax_gradient(size_t rows, size_t classes, const uint8_t *labels,
                            sn_real *z)
{
    sn_loss loss = {0, 0};
    for (size_t i = 0; i < rows; i++) {
        sn_real *row = z + i * classes;
        size_t best = largest(classes, row);
        sn_real max = row[best], own = row[labels[i]];
        loss.correct += best == labels[i];
        loss.sum += log(normalize(classes, max, row)) - (double)(own - max);
        row[labels[i]] -= 1;
    }
    return loss;
}

sn_loss sn_softmax_loss(size_t rows, size_t classes, const uint8_t *labels,
                        const sn_real *z, uint8_t *predictions)
{
    sn_loss loss = {0, 0};
    for (size_t i = 0; i < rows; i++) {
        const sn_real *row = z + i * classes;
        size_t best = largest(classes, row);
        sn_real max = row[best];
        loss.correct += best == labels[i];
        loss.sum +=
            log(exponentials(classes, row, max, NULL)) - (double)(row[labels[i]] - max);
        if (predictions != NULL) {
            predictions[i] = (uint8_t)best;
        }
    }
    return loss;
}
