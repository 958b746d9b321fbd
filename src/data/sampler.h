/* SPDX-License-Identifier: BSD-3-Clause */
/** The shard of a rank: the samples of a minibatch that it processes.  The functions
 *  are pure arithmetic; there is no state to save. */
#ifndef SHARDNET_DATA_SAMPLER_H
#define SHARDNET_DATA_SAMPLER_H

#include <stdint.h>

/** The order of the samples 0 .. count - 1 in one epoch: a permutation, computed by a
 *  Feistel network over a rows x cols grid with cycle walking (Black and Rogaway 2002).
 *  Philox draws its round keys from (seed, epoch). */
typedef struct sn_sampler {
    uint64_t count;
    uint32_t rows, cols; /* count <= rows * cols < count + cols */
    uint32_t rounds;     /* an even number */
    uint32_t keys[12];
} sn_sampler;

/** Sets sampler to the order of an epoch; 1 <= count < 2^32. */
void sn_sampler_init(sn_sampler *sampler, uint64_t seed, uint32_t epoch,
                     uint64_t count);

/** Returns the sample at a position of the order; position < count. */
uint32_t sn_sampler_at(const sn_sampler *sampler, uint64_t position);

/** The positions begin .. end - 1. */
typedef struct sn_range {
    uint64_t begin, end;
} sn_range;

/** Returns the number of steps of an epoch, ceil(count / batch): the last minibatch may
 *  be smaller, and no sample is dropped. */
uint64_t sn_steps_per_epoch(uint64_t count, uint64_t batch);

/** Returns the positions of the minibatch of a step. */
sn_range sn_step_range(uint64_t count, uint64_t batch, uint64_t step_in_epoch);

/** Returns the shard of rank: the shards of all ranks are contiguous and cover whole in
 *  the order of the ranks.  Their lengths differ by at most one; a shard is empty if
 *  whole is shorter than size.  The function can divide any other range too. */
sn_range sn_rank_range(sn_range whole, int rank, int size);

/** Returns the length of the largest shard of a range of length items. */
uint64_t sn_rank_range_max(uint64_t length, int size);

#endif
