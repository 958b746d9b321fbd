/* SPDX-License-Identifier: BSD-3-Clause */
/** Softmax and cross-entropy. */
#ifndef SHARDNET_NN_LOSS_H
#define SHARDNET_NN_LOSS_H

#include <stddef.h>
#include <stdint.h>

#include "base/real.h"

typedef struct sn_loss {
    double sum;      /* cross-entropy summed over rows, natural logarithm */
    int64_t correct; /* rows whose largest output is the label; the lowest index wins */
} sn_loss;

/** Z := softmax(Z), Z (rows, classes): probabilities, the row's maximum subtracted
 * before exp. */
void sn_softmax(size_t rows, size_t classes, sn_real *z);

/** Cross-entropy of softmax(Z) against labels, and in place Z := softmax(Z) - onehot,
 *  which is d(sum of losses)/dZ.  Z (rows, classes); labels (rows) < classes.  The
 * row's maximum is subtracted before exp, so no finite input overflows. */
sn_loss sn_softmax_gradient(size_t rows, size_t classes, const uint8_t *labels,
                            sn_real *z);

/** The same loss without touching Z.  predictions (rows) receives the largest output's
 *  index where it is not NULL. */
sn_loss sn_softmax_loss(size_t rows, size_t classes, const uint8_t *labels,
                        const sn_real *z, uint8_t *predictions);

#endif
