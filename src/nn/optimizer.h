/* SPDX-License-Identifier: BSD-3-Clause */
/** The update of the parameters: penalties, momentum or AdamW, max-norm.  It uses only
 *  operations that IEEE 754 rounds correctly, without contraction, so that all ranks
 *  compute the same bits on all processors.  None of these functions is collective or
 *  allocates. */
#ifndef SHARDNET_NN_OPTIMIZER_H
#define SHARDNET_NN_OPTIMIZER_H

#include "nn/net.h"

typedef enum sn_rule {
    SN_HEAVY_BALL,        /* v := m v + rate g;  w -= v  (Polyak 1964) */
    SN_NESTEROV,          /* v := m v + rate g;  w -= m v + rate g  (Sutskever 2013) */
    SN_PREVIOUS_GRADIENT, /* w -= rate g + m v;  v := rate g  (the article's code) */
    SN_ADAMW              /* v := b1 v + (1 - b1) g;  s := b2 s + (1 - b2) g^2;
                             w -= rate (v' / (sqrt(s') + epsilon) + weight_decay w) with
                             v' = v / (1 - b1^t), s' = s / (1 - b2^t) in update t
                             (Loshchilov, Hutter 2019) */
} sn_rule;

typedef struct sn_optimizer {
    sn_rule kind;
    double momentum;              /* m */
    double beta1, beta2, epsilon; /* SN_ADAMW: b1, b2 */
    double weight_decay;          /* SN_ADAMW: of weights; biases have none */
    double l1, l2;                /* penalties on weights; biases have none */
    double average;               /* limit of d below; 0: no average */
    double clip_norm; /* largest norm of the gradient (nn/clip.h); 0: no limit */
    double max_norm;  /* largest Euclidean norm of a row of W; 0: no limit */
} sn_optimizer;

/** The state of training: arrays (arena), one behind the other in one block. */
typedef struct sn_state {
    sn_real *parameters;
    sn_real *velocity;      /* v; the first moment of SN_ADAMW */
    sn_real *second_moment; /* s; NULL unless SN_ADAMW */
    sn_real *average;       /* average of the parameters, or NULL */
    size_t elements;        /* sum over all arrays */
} sn_state;

/** Returns the number of elements of the state. */
size_t sn_state_elements(const sn_optimizer *optimizer, const sn_network *network);

/** Returns the arrays of the state in memory (sn_state_elements). */
sn_state sn_state_at(const sn_optimizer *optimizer, const sn_network *network,
                     sn_real *memory);

/** One of count parts of the arena, of nearly equal size: whole rows of W, and any
 *  elements of b.  A row belongs to the part that contains its first element. */
typedef struct sn_arena_part {
    int index, count;
} sn_arena_part;

/** Returns the parameters that are evaluated: the average if there is one. */
const sn_real *sn_state_evaluated(const sn_state *state);

/** Sets the average, if there is one, to the parameters. */
void sn_state_start_average(const sn_network *network, const sn_state *state);

/** The factors of one update. */
typedef struct sn_update {
    int64_t number; /* t, from 1 */
    double rate, gradient_scale;
} sn_update;

/** Updates a part of the state with the sum of the gradients of all samples:
 *
 *      g = gradient_scale * gradient + l2 w + l1 sign(w), then the sn_rule.
 *  gradient (arena); no aliasing.  Afterwards each row of W (out, in) whose norm exceeds
 *  max_norm is scaled to that norm.  Last, the average becomes a := d a + (1 - d) w
 *  with d = min(average, (1 + t) / (10 + t)) in update t, so that the initial
 *  parameters soon lose their share.  bf16 (arena), if not NULL, receives the weights as
 *  sn_network_weights_to_bf16 rounds them.  A subnormal velocity or second moment
 *  becomes 0, because arithmetic with subnormal numbers is slow.  The bits do not depend
 *  on the number of parts. */
void sn_optimizer_update(const sn_optimizer *optimizer, const sn_network *network,
                         sn_arena_part part, const sn_update *update,
                         const sn_real *gradient, const sn_state *state,
                         uint16_t *bf16);

/** Returns the penalty, l1 sum |w| + (l2 / 2) sum w^2 over all weights.  parameters
 *  (arena). */
double sn_optimizer_penalty(const sn_optimizer *optimizer, const sn_network *network,
                            const sn_real *parameters);

#endif
