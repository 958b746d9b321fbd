/** Short measurements that bench, tune and plan share (internal to train).  Not
 *  collective, allocate nothing. */
#ifndef SHARDNET_TRAIN_MEASURE_H
#define SHARDNET_TRAIN_MEASURE_H

#include "shardnet/net.h"

/** Seconds of one pass of the products of a gradient over X (rows, input), which leaves
 *  nothing of use in workspace and gradient (arena). */
double sn_measure_products(const sn_model *model, const float *parameters,
                           sn_workspace *workspace, const float *x, size_t rows,
                           float *gradient);

/** a (count) := b + s c: 12 bytes of memory traffic an element. */
void sn_measure_triad(size_t count, float s, const float *b, const float *c, float *a);

/** Elements of each of its arrays where the ranks of a node run it together: all three
 *  are four times the share of the largest cache, 96 to 512 MiB. */
size_t sn_measure_triad_count(int ranks);

/** Small numbers without a pattern that matters. */
void sn_measure_fill(size_t count, float *values);

#endif
