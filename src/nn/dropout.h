/* SPDX-License-Identifier: BSD-3-Clause */
/** Inverted dropout (Srivastava et al. 2014): training sets a unit to 0 with
 *  probability p and scales the other units by 1 / (1 - p), so that evaluation uses the
 *  network unchanged.  None of these functions is collective or allocates. */
#ifndef SHARDNET_NN_DROPOUT_H
#define SHARDNET_NN_DROPOUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/numeric/real.h"

/** Dropout of a training step. */
typedef struct sn_dropout {
    double input, hidden; /* p of the input and of each hidden layer, in [0, 1) */
    uint64_t seed;        /* seed and epoch are keys of the masks */
    uint32_t epoch;
} sn_dropout;

/** A (count) *= mask / (1 - p); A is one row.  The mask is a function of (seed, epoch,
 *  layer, sample); p is rounded to a multiple of 2^-16.  mask (count), if not NULL,
 *  receives 1 for a unit that is kept and 0 for a dropped unit. */
void sn_dropout_apply(double p, uint64_t seed, uint32_t epoch, uint32_t layer,
                      uint32_t sample, size_t count, sn_real *a, uint8_t *mask);

/** Backward pass: dA (count) *= mask / (1 - p), and A (count) *= 1 - p.  This restores
 *  A = f(Z) for each unit that was kept.  A dropped unit has dA = 0, so its A does not
 *  matter. */
void sn_dropout_backward(double p, size_t count, const uint8_t *mask, sn_real *da,
                         sn_real *a);

#endif
