/* SPDX-License-Identifier: BSD-3-Clause */
/* A Feistel network over a grid with rows x cols >= count cells, with cycle walking.
 *
 *   split    position = row * cols + col
 *   round    col += F(row, key) modulo cols, then row += F(col, key) modulo rows; each
 *            of them is invertible for any function F
 *   walk     repeat the network while the value is >= count
 *
 * The grid has fewer than cols cells more than count, so that few positions need to be
 * repeated; a power of two could be twice as large as count.
 *
 * Source: J. Black, P. Rogaway: Ciphers with arbitrary finite domains, CT-RSA 2002 (the
 * generalised Feistel construction). */
#include "data/sampler.h"

#include <stddef.h>

#include "base/numeric/rng.h"

enum {
    ROUNDS = 6,
    /* on a grid of few cells, six rounds produce some orders several per cent more
     * often than others, with any round function */
    SMALL_COUNT = 256,
    SMALL_ROUNDS = 12
};

_Static_assert(SMALL_ROUNDS <= sizeof((sn_sampler *)0)->keys / sizeof(uint32_t),
               "every round needs a key");

void sn_sampler_init(sn_sampler *sampler, uint64_t seed, uint32_t epoch, uint64_t count)
{
    uint64_t cols = 0; /* the square root of count, rounded up */
    for (uint64_t bit = UINT64_C(1) << 16; bit > 0; bit /= 2) {
        if ((cols + bit - 1) * (cols + bit - 1) < count) {
            cols += bit;
        }
    }
    sampler->count = count;
    sampler->cols = (uint32_t)cols;
    sampler->rows = (uint32_t)((count + cols - 1) / cols);
    sampler->rounds = count < SMALL_COUNT ? SMALL_ROUNDS : ROUNDS;
    sn_rng rng;
    sn_rng_init(&rng, seed, SN_RNG_SHUFFLE, 0, epoch, 0);
    for (int i = 0; i < SMALL_ROUNDS; i++) {
        sampler->keys[i] = sn_rng_next(&rng);
    }
}

/* Spreads value to the high bits, which add_modulo uses.  Two multiplications are
 * enough for six rounds; every training step calls this. */
static inline uint32_t mix(uint32_t value, uint32_t key)
{
    value = (value ^ key) * UINT32_C(0x85EBCA6B);
    return (value ^ value >> 15) * UINT32_C(0xC2B2AE35);
}

/* Returns (value + F(other, key)) modulo range, with F below range. */
static inline uint32_t add_modulo(uint32_t value, uint32_t other, uint32_t key,
                                  uint32_t range)
{
    uint32_t sum = value + (uint32_t)((uint64_t)mix(other, key) * range >> 32);
    return sum >= range ? sum - range : sum;
}

uint32_t sn_sampler_at(const sn_sampler *sampler, uint64_t position)
{
    const uint32_t rows = sampler->rows, cols = sampler->cols;
    const uint32_t *keys = sampler->keys;
    uint32_t value = (uint32_t)position;
    do {
        uint32_t row = value / cols;
        uint32_t col = value % cols;
        for (uint32_t i = 0; i < sampler->rounds; i += 2) {
            col = add_modulo(col, row, keys[i], cols);
            row = add_modulo(row, col, keys[i + 1], rows);
        }
        value = row * cols + col;
    } while (value >= sampler->count);
    return value;
}

uint64_t sn_steps_per_epoch(uint64_t count, uint64_t batch)
{
    return count / batch + (count % batch != 0);
}

sn_range sn_step_range(uint64_t count, uint64_t batch, uint64_t step_in_epoch)
{
    if (step_in_epoch >= sn_steps_per_epoch(count, batch)) {
        return (sn_range){count, count};
    }
    uint64_t begin = step_in_epoch * batch;
    return (sn_range){begin, count - begin < batch ? count : begin + batch};
}

sn_range sn_rank_range(sn_range whole, int rank, int size)
{
    uint64_t length = whole.end - whole.begin;
    uint64_t r = (uint64_t)rank, shards = (uint64_t)size;
    uint64_t shorter = length / shards, longer_shards = length % shards;
    uint64_t begin =
        whole.begin + r * shorter + (r < longer_shards ? r : longer_shards);
    return (sn_range){begin, begin + shorter + (r < longer_shards)};
}

uint64_t sn_rank_range_max(uint64_t length, int size)
{
    return sn_steps_per_epoch(length, (uint64_t)size);
}
