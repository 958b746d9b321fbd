/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/numeric/rng.h"

#include <sys/random.h>
#include <unistd.h>

#include "base/numeric/real.h"
#include "base/system/clock.h"

/* Constants of Philox 4x32 (Salmon et al. 2011, section 3.3). */
#define MULTIPLIER_0 UINT32_C(0xD2511F53)
#define MULTIPLIER_1 UINT32_C(0xCD9E8D57)
#define WEYL_0       UINT32_C(0x9E3779B9)
#define WEYL_1       UINT32_C(0xBB67AE85)

void sn_rng_block(uint64_t seed, sn_rng_purpose purpose, uint32_t stream,
                  uint32_t epoch, uint32_t item, uint32_t index, uint32_t out[4])
{
    uint32_t c0 = index, c1 = item, c2 = epoch, c3 = (uint32_t)purpose << 24 | stream;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)MULTIPLIER_0 * c0;
        uint64_t p1 = (uint64_t)MULTIPLIER_1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

enum { CHUNK = 256 }; /* number of blocks whose words fit the first-level cache */

SN_HOT
void philox_round(size_t count, uint32_t k0, uint32_t k1, uint32_t *restrict c0,
                  uint32_t *restrict c1, uint32_t *restrict c2, uint32_t *restrict c3)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t p0 = (uint64_t)MULTIPLIER_0 * c0[i];
        const uint64_t p1 = (uint64_t)MULTIPLIER_1 * c2[i];
        c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
        c1[i] = (uint32_t)p1;
        c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
        c3[i] = (uint32_t)p0;
    }
}

void sn_rng_blocks(uint64_t seed, sn_rng_purpose purpose, uint32_t stream,
                   uint32_t epoch, uint32_t item, uint32_t first, size_t blocks,
                   uint32_t *words)
{
    for (size_t begin = 0; begin < blocks; begin += CHUNK) {
        const size_t count = blocks - begin < CHUNK ? blocks - begin : CHUNK;
        uint32_t *c0 = words + begin, *c1 = c0 + blocks, *c2 = c1 + blocks,
                 *c3 = c2 + blocks;
        for (size_t i = 0; i < count; i++) {
            c0[i] = first + (uint32_t)(begin + i);
            c1[i] = item;
            c2[i] = epoch;
            c3[i] = (uint32_t)purpose << 24 | stream;
        }
        uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
        for (int round = 0; round < 10; round++) {
            philox_round(count, k0, k1, c0, c1, c2, c3);
            k0 += WEYL_0;
            k1 += WEYL_1;
        }
    }
}

void sn_rng_init(sn_rng *rng, uint64_t seed, sn_rng_purpose purpose, uint32_t stream,
                 uint32_t epoch, uint32_t item)
{
    *rng = (sn_rng){.seed = seed,
                    .purpose = (uint32_t)purpose,
                    .stream = stream,
                    .epoch = epoch,
                    .item = item,
                    .used = 4};
}

uint32_t sn_rng_next(sn_rng *rng)
{
    if (rng->used == 4) {
        sn_rng_block(rng->seed, (sn_rng_purpose)rng->purpose, rng->stream, rng->epoch,
                     rng->item, rng->index++, rng->words);
        rng->used = 0;
    }
    return rng->words[rng->used++];
}

float sn_rng_unit(uint32_t word)
{
    return ((float)(word >> 9) + 0.5F) * 0x1p-23F;
}

float sn_rng_uniform(sn_rng *rng)
{
    return sn_rng_unit(sn_rng_next(rng));
}

uint64_t sn_unique_key(void)
{
    uint64_t key;
    return getrandom(&key, sizeof key, 0) == sizeof key
               ? key
               : (uint64_t)(1e9 * sn_clock_seconds()) ^ (uint64_t)getpid() << 40;
}
