/* SPDX-License-Identifier: BSD-3-Clause */
/** The update: penalties, momentum, max-norm.  Plain multiplications and additions
 *  without contraction, so that every rank gets the same bits on every processor. */
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
    double l1, l2;   /* weights only, never biases */
    double max_norm; /* bound on each unit's incoming weights; 0 = none */
} sn_optimizer;

/** One update of parameters and velocity from the summed gradient (arenas):
 *  g = gradient_scale * gradient + l2 w + l1 sign(w), then the momentum kind's rule.
 *  Velocities below the smallest normal number become zero, so that idle weights never
 *  slow the processor down.  Then each row of a weight matrix whose Euclidean norm
 * exceeds max_norm is scaled back to it, and the weights' places in bf16 (arena; NULL
 * for none) receive them rounded as by sn_network_weights_to_bf16. */
void sn_optimizer_update(const sn_optimizer *optimizer, const sn_network *network,
                         double rate, double gradient_scale, const sn_real *gradient,
                         sn_real *velocity, sn_real *parameters, uint16_t *bf16);

/** l1 sum |w| + (l2 / 2) sum w^2 over the weights: the penalty's part of the cost. */
double sn_optimizer_penalty(const sn_optimizer *optimizer, const sn_network *network,
                            const sn_real *parameters);

#endif
