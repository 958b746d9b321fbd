/* SPDX-License-Identifier: BSD-3-Clause */
/** Softmax and cross-entropy.  The maximum of each row is subtracted before exp, so
 *  that no finite input overflows.  No function here is collective or allocates. */
#ifndef SHARDNET_NN_LOSS_H
#define SHARDNET_NN_LOSS_H

#include <stddef.h>
#include <stdint.h>

#include "base/numeric/real.h"

typedef struct sn_loss {
    double sum;      /* sum over the rows of the cross-entropy, natural logarithm */
    int64_t correct; /* number of rows in which the first largest output is the label */
} sn_loss;

/** Z (rows, classes) := softmax(Z), the probabilities of the classes. */
void sn_softmax(size_t rows, size_t classes, sn_real *z);

/** Returns the cross-entropy of softmax(Z) and the targets
 *      T = (1 - smoothing) onehot(labels) + smoothing / classes
 *  (Szegedy et al. 2016) for labels (rows), each less than classes, and smoothing in
 *  [0, 1).  Z (rows, classes) := softmax(Z) - T, the derivative of the sum. */
sn_loss sn_softmax_gradient(size_t rows, size_t classes, const uint8_t *labels,
                            double smoothing, sn_real *z);

#endif
