/* SPDX-License-Identifier: BSD-3-Clause */
/** Clipping of the gradient by its norm (Pascanu, Mikolov, Bengio 2013).
 *
 *  The gradient is cut into blocks of a fixed size.  The sums of squares of the blocks
 *  are added in their order, in double precision, so the bits do not depend on the
 *  number of ranks, parts or threads.  None of these functions is collective or
 *  allocates. */
#ifndef SHARDNET_NN_CLIP_H
#define SHARDNET_NN_CLIP_H

#include "nn/net.h"
#include "nn/optimizer.h"

/** Returns the number of blocks of an arena. */
size_t sn_clip_blocks(const sn_network *network);

/** Computes the sums of squares of the blocks of a part of the gradient (arena).
 *  squares (blocks): only those of the part are written. */
void sn_clip_squares(const sn_network *network, sn_arena_part part,
                     const sn_real *gradient, double *squares);

/** Returns min(1, limit / norm), where norm is the Euclidean norm of
 *  gradient_scale * gradient.  squares (blocks) has the sums of all
 *  parts. */
double sn_clip_factor(const sn_network *network, double limit, double gradient_scale,
                      const double *squares);

#endif
