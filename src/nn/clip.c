/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/clip.h"

#include <math.h>

#include "base/numeric/parallel.h"

/* Elements of a block; number of partial sums.  Both are fixed, so that the result does
 * not depend on the width of the vector registers. */
enum { BLOCK = 4096, LANES = 16 };

/* Returns the sum of squares of x (count). */
SN_HOT
double block_squares(size_t count, const sn_real *x)
{
    double partial[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            const double value = (double)x[i + j];
            partial[j] += value * value;
        }
    }
    for (size_t j = 0; i < count; i++, j++) {
        partial[j] += (double)x[i] * (double)x[i];
    }
    for (size_t j = 1; j < LANES; j++) {
        partial[0] += partial[j];
    }
    return partial[0];
}

size_t sn_clip_blocks(const sn_network *network)
{
    return (network->arena + BLOCK - 1) / BLOCK;
}

void sn_clip_squares(const sn_network *network, sn_arena_part part,
                     const sn_real *gradient, double *squares)
{
    const size_t blocks = sn_clip_blocks(network), arena = network->arena;
    const size_t first = blocks * (size_t)part.index / (size_t)part.count;
    const size_t end = blocks * ((size_t)part.index + 1) / (size_t)part.count;
    SN_PARALLEL_IF((end - first) * BLOCK >= SN_PARALLEL_ELEMENTS)
    for (size_t block = first; block < end; block++) {
        const size_t begin = block * BLOCK;
        squares[block] = block_squares(arena - begin < BLOCK ? arena - begin : BLOCK,
                                       gradient + begin);
    }
}

double sn_clip_factor(const sn_network *network, double limit, double gradient_scale,
                      const double *squares)
{
    const size_t blocks = sn_clip_blocks(network);
    double sum = 0;
    for (size_t block = 0; block < blocks; block++) {
        sum += squares[block];
    }
    const double norm = gradient_scale * sqrt(sum);
    return norm > limit ? limit / norm : 1;
}
