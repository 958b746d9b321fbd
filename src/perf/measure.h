/* SPDX-License-Identifier: BSD-3-Clause */
/** Short measurements that bench and plan share (internal to perf).  Not collective,
 *  allocate nothing. */
#ifndef SHARDNET_PERF_MEASURE_H
#define SHARDNET_PERF_MEASURE_H

#include <stddef.h>

/** a (count) := b + s c: 12 bytes of memory traffic per element. */
void sn_measure_triad(size_t count, float s, const float *b, const float *c, float *a);

/** The elements of each array of a triad that all ranks of a node run together: the
 *  three arrays are four times the share of the largest cache, 96 to 512 MiB. */
size_t sn_measure_triad_count(int ranks);

/** Fills values (count) with small numbers. */
void sn_measure_fill(size_t count, float *values);

#endif
