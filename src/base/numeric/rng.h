/* SPDX-License-Identifier: BSD-3-Clause */
/** Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel
 *  random numbers: as easy as 1, 2, 3, SC 2011).  A draw is a pure function of seed,
 *  purpose, stream, epoch, item and index: there is no state to save, and every rank
 *  draws the same numbers. */
#ifndef SHARDNET_BASE_NUMERIC_RNG_H
#define SHARDNET_BASE_NUMERIC_RNG_H

#include <stddef.h>
#include <stdint.h>

/** Purpose of a draw.  Draws for different purposes are independent. */
typedef enum sn_rng_purpose {
    SN_RNG_INIT = 1,
    SN_RNG_SHUFFLE,
    SN_RNG_DROPOUT,
    SN_RNG_AUGMENT,
    SN_RNG_SYNTH,
    SN_RNG_NOISE
} sn_rng_purpose;

/** out := one Philox 4x32-10 block for the key seed and the counter (index, item,
 *  epoch, purpose and stream).  stream is a layer or any other number below 2^24; item
 *  is a sample or any other number; index counts the blocks of an item. */
void sn_rng_block(uint64_t seed, sn_rng_purpose purpose, uint32_t stream,
                  uint32_t epoch, uint32_t item, uint32_t index, uint32_t out[4]);

/** Computes the blocks first .. first + blocks - 1 of (seed, purpose, stream, epoch,
 *  item) in vector code.  words (4, blocks): words[q * blocks + b] is word q of the
 *  block that sn_rng_block returns for index first + b. */
void sn_rng_blocks(uint64_t seed, sn_rng_purpose purpose, uint32_t stream,
                   uint32_t epoch, uint32_t item, uint32_t first, size_t blocks,
                   uint32_t *words);

/** A position in the sequence of words of one (seed, purpose, stream, epoch, item). */
typedef struct sn_rng {
    uint64_t seed;
    uint32_t purpose, stream, epoch, item, index;
    uint32_t words[4]; /* the current block */
    uint32_t used;     /* number of its words that are drawn */
} sn_rng;

/** Sets rng to the start of the sequence. */
void sn_rng_init(sn_rng *rng, uint64_t seed, sn_rng_purpose purpose, uint32_t stream,
                 uint32_t epoch, uint32_t item);

/** Returns the next 32 random bits. */
uint32_t sn_rng_next(sn_rng *rng);

/** Returns sn_rng_unit(sn_rng_next(rng)). */
float sn_rng_uniform(sn_rng *rng);

/** Returns (k + 1/2) 2^-23 with k = the upper 23 bits of word: uniform on the open
 *  interval (0, 1), without rounding. */
float sn_rng_unit(uint32_t word);

/** Returns 64 random bits from the operating system; if it provides none, a mixture of
 *  clock and process number. */
uint64_t sn_unique_key(void);

#endif
