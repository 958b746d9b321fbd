/* SPDX-License-Identifier: BSD-3-Clause */
/** The update of the parameters: penalties, momentum, max-norm.  It uses only
 *  multiplications and additions without contraction, so that all ranks compute the
 *  same bits on all processors.  None of these functions is collective or allocates. */
#ifndef SHARDNET_NN_OPTIMIZER_H
#define SHARDNET_NN_OPTIMIZER_H

#include "nn/net.h"

typedef enum sn_momentum {
    SN_HEAVY_BALL,       /* v := m v + rate g;  w -= v  (Polyak 1964) */
    SN_NESTEROV,         /* v := m v + rate g;  w -= m v + rate g  (Sutskever 2013) */
    SN_PREVIOUS_GRADIENT /* w -= rate g + m v;  v := rate g  (the article's code) */
} sn_momentum;

typedef struct sn_optimizer {
    sn_momentum kind;
    double momentum;
    double l1, l2;   /* penalties on weights; biases have none */
    double max_norm; /* largest Euclidean norm of a row of W; 0: no limit */
} sn_optimizer;

/** One of count parts of the arena, of nearly equal size: whole rows of W, and any
 *  elements of b.  A row belongs to the part that contains its first element. */
typedef struct sn_arena_part {
    int index, count;
} sn_arena_part;

/** Updates parameters and velocity of a part with the sum of the gradients of all
 *  samples:
 *
 *      g = gradient_scale * gradient + l2 w + l1 sign(w), then the rule of sn_momentum.
 *  gradient, velocity, parameters (arena); no aliasing.  Afterwards each row of W (out,
 *  in) whose norm exceeds max_norm is scaled to that norm.  bf16 (arena), if not NULL,
 *  receives the weights as sn_network_weights_to_bf16 rounds them.  A subnormal
 *  velocity becomes 0, because arithmetic with subnormal numbers is slow.  The bits do
 *  not depend on the number of parts. */
void sn_optimizer_update(const sn_optimizer *optimizer, const sn_network *network,
                         sn_arena_part part, double rate, double gradient_scale,
                         const sn_real *gradient, sn_real *velocity,
                         sn_real *parameters, uint16_t *bf16);

/** Returns the penalty, l1 sum |w| + (l2 / 2) sum w^2 over all weights.  parameters
 *  (arena). */
double sn_optimizer_penalty(const sn_optimizer *optimizer, const sn_network *network,
                            const sn_real *parameters);

#endif
