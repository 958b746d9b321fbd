/* SPDX-License-Identifier: BSD-3-Clause */
/** Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel
 *  random numbers: as easy as 1, 2, 3, SC 2011).  A draw is a pure function of seed,
 *  purpose, epoch, item and index, so no state is kept, and it does not matter which
 *  rank draws. */
#ifndef SHARDNET_BASE_RNG_H
#define SHARDNET_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/** What a draw is for; two purposes never share a stream. */
typedef enum sn_rng_purpose {
    SN_RNG_INIT = 1,
    SN_RNG_SHUFFLE,
    SN_RNG_DROPOUT,
    SN_RNG_AUGMENT,
    SN_RNG_SYNTH
} sn_rng_purpose;

/** One Philox 4x32-10 block: four words for the counter (index, item, epoch, purpose
 *  and stream) and the key seed.  item is a sample or an element block, stream a layer
 *  or any number under 2^24, index counts blocks within the item. */
void sn_rng_block(uint64_t seed, sn_rng_purpose purpose, uint32_t stream,
                  uint32_t epoch, uint32_t item, uint32_t index, uint32_t out[4]);

/** Blocks first .. first + blocks - 1 of (seed, purpose, stream, epoch, item), many at
 * a time in vector code: words (4, blocks), so words[q * blocks + b] is word q of block
 *  first + b as sn_rng_block gives it. */
void sn_rng_blocks(uint64_t seed, sn_rng_purpose purpose, uint32_t stream,
                   uint32_t epoch, uint32_t item, uint32_t first, size_t blocks,
                   uint32_t *words);

/** A sequence of draws within one (seed, purpose, stream, epoch, item). */
typedef struct sn_rng {
    uint64_t seed;
    uint32_t purpose, stream, epoch, item, index;
    uint32_t words[4];
    uint32_t used;
} sn_rng;

void sn_rng_init(sn_rng *rng, uint64_t seed, sn_rng_purpose purpose, uint32_t stream,
                 uint32_t epoch, uint32_t item);

/** Next 32 random bits. */
uint32_t sn_rng_next(sn_rng *rng);

/** Next float, uniform on the open interval (0, 1): (k + 1/2) 2^-23, so exact. */
float sn_rng_uniform(sn_rng *rng);

/** The same conversion for one word: (0, 1). */
float sn_rng_unit(uint32_t word);

/** 64 random bits of the system, which no other process draws; clock and process number
 *  where it has none. */
uint64_t sn_unique_key(void);

#endif
