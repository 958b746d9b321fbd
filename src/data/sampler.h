/* SPDX-License-Identifier: BSD-3-Clause */
/** Which samples a rank takes in a step: pure arithmetic, no state. */
#ifndef SHARDNET_DATA_SAMPLER_H
#define SHARDNET_DATA_SAMPLER_H

#include <stdint.h>

/** A permutation of 0 .. count - 1 that belongs to one (seed, epoch): a Feistel network
 *  over a rows x cols grid with cycle walking (Black and Rogaway 2002), its round keys
 *  drawn by Philox. */
typedef struct sn_sampler {
    uint64_t count;
    uint32_t rows, cols; /* rows * cols >= count, by less than cols */
    uint32_t rounds;     /* an even number */
    uint32_t keys[12];
} sn_sampler;

/** count >= 1, at most 2^32 - 1. */
void sn_sampler_init(sn_sampler *sampler, uint64_t seed, uint32_t epoch,
                     uint64_t count);

/** Sample at position of the epoch's order; position < count. */
uint32_t sn_sampler_at(const sn_sampler *sampler, uint64_t position);

/** Positions [begin, end). */
typedef struct sn_range {
    uint64_t begin, end;
} sn_range;

/** Steps in an epoch: ceil(count / batch); the last may be short, none is dropped. */
uint64_t sn_steps_per_epoch(uint64_t count, uint64_t batch);

/** Positions of the global batch of a step within its epoch. */
sn_range sn_step_range(uint64_t count, uint64_t batch, uint64_t step_in_epoch);

/** The part of whole that rank owns: contiguous, the parts of all ranks cover it in
 *  rank order, sizes differ by at most one; empty where there are fewer than size. */
sn_range sn_rank_range(sn_range whole, int rank, int size);

/** The largest part that any rank can own of a range of length items. */
uint64_t sn_rank_range_max(uint64_t length, int size);

#endif
