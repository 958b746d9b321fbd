/* SPDX-License-Identifier: BSD-3-Clause */
/** Kernels of the measurements of bench and plan.  No function is collective or
 *  allocates memory. */
#ifndef SHARDNET_PERF_MEASURE_H
#define SHARDNET_PERF_MEASURE_H

#include <stddef.h>

/** Computes a (count) = b + s c, without aliasing: 12 bytes of memory traffic per
 *  element. */
void sn_measure_triad(size_t count, float s, const float *b, const float *c, float *a);

/** Returns the elements per array of a triad that ranks ranks of a node run at once:
 *  the three arrays have four times the size of a rank's share of the largest cache,
 *  but at least 96 and at most 512 MiB. */
size_t sn_measure_triad_count(int ranks);

/** Fills values (count) with small numbers. */
void sn_measure_fill(size_t count, float *values);

#endif
