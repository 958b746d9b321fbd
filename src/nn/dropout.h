/* SPDX-License-Identifier: BSD-3-Clause */
/** Inverted dropout (Srivastava et al. 2014): a unit is dropped with probability p and
 *  the others are scaled by 1 / (1 - p), so evaluation needs no change. */
#ifndef SHARDNET_NN_DROPOUT_H
#define SHARDNET_NN_DROPOUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/real.h"

/** Probabilities of dropping, in [0, 1), and the key of the masks. */
typedef struct sn_dropout {
    double input, hidden;
    uint64_t seed;
    uint32_t epoch;
} sn_dropout;

/** Multiplies A (count), one row, by mask / (1 - p), in place.  The mask depends on
 *  (seed, epoch, layer, sample) alone; p is rounded to a multiple of 2^-16.
 *  mask (count) receives 1 = kept, 0 = dropped, where it is not NULL. */
void sn_dropout_apply(double p, uint64_t seed, uint32_t epoch, uint32_t layer,
                      uint32_t sample, size_t count, sn_real *a, uint8_t *mask);

/** The way back: dA (count) *= mask / (1 - p), and A (count) *= 1 - p, which restores
 *  f(Z) where the unit was kept; where it was dropped dA is 0, whatever A is. */
void sn_dropout_backward(double p, size_t count, const uint8_t *mask, sn_real *da,
                         sn_real *a);

#endif
