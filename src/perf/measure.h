/** Short measurements that bench, tune and plan share (internal to train).  Not
 *  collective, allocate nothing. */
#ifndef SHARDNET_PERF_MEASURE_H
#define SHARDNET_PERF_MEASURE_H

#include <stddef.h>

/** a (count) := b + s c: 12 bytes of memory traffic an element. */
void sn_measure_triad(size_t count, float s, const float *b, const float *c, float *a);

/** Elements of each of its arrays where the ranks of a node run it together: all three
 *  are four times the share of the largest cache, 96 to 512 MiB. */
size_t sn_measure_triad_count(int ranks);

/** Small numbers without a pattern that matters. */
void sn_measure_fill(size_t count, float *values);

#endif
