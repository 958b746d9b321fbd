/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/dropout.h"

#include <string.h>

#include "base/numeric/rng.h"

enum {
    MASKS_PER_BLOCK = 8, /* one Philox block is four words, with two masks per word */
    BLOCKS = 32,         /* Philox blocks per call */
    UNITS = BLOCKS * MASKS_PER_BLOCK
};

/* Returns p in units of 2^-16; *scale := 1 / (1 - p). */
static uint32_t threshold_of(double p, sn_real *scale)
{
    uint32_t threshold = (uint32_t)(p * 65536 + 0.5);
    if (threshold > 65535) {
        threshold = 65535;
    }
    *scale = (sn_real)(65536.0 / (65536.0 - (double)threshold));
    return threshold;
}

/* words is in the order of sn_rng_blocks.  The low half of words[i] decides whether
 * unit 2i is kept, the high half whether unit 2i + 1 is kept. */
SN_HOT
void apply_words(uint32_t threshold, sn_real scale, const uint32_t *restrict words,
                 uint8_t *restrict keep, sn_real *restrict factor)
{
    for (size_t i = 0; i < UNITS / 2; i++) {
        keep[2 * i] = (words[i] & 0xFFFF) >= threshold;
        keep[2 * i + 1] = (words[i] >> 16) >= threshold;
    }
    for (size_t i = 0; i < UNITS; i++) {
        factor[i] = (sn_real)keep[i] * scale;
    }
}

SN_HOT
void multiply(size_t count, const sn_real *restrict factor, sn_real *restrict a)
{
    for (size_t i = 0; i < count; i++) {
        a[i] *= factor[i];
    }
}

void sn_dropout_apply(double p, uint64_t seed, uint32_t epoch, uint32_t layer,
                      uint32_t sample, size_t count, sn_real *a, uint8_t *mask)
{
    sn_real scale;
    const uint32_t threshold = threshold_of(p, &scale);
    for (size_t first = 0; first < count; first += UNITS) {
        const size_t chunk = count - first < UNITS ? count - first : UNITS;
        uint32_t words[4 * BLOCKS];
        uint8_t keep[UNITS];
        sn_real factor[UNITS];
        sn_rng_blocks(seed, SN_RNG_DROPOUT, layer, epoch, sample,
                      (uint32_t)(first / MASKS_PER_BLOCK), BLOCKS, words);
        apply_words(threshold, scale, words, keep, factor);
        multiply(chunk, factor, a + first);
        if (mask != NULL) {
            memcpy(mask + first, keep, chunk);
        }
    }
}

SN_HOT
void mask_and_undo(sn_real scale, sn_real inverse, size_t count,
                   const uint8_t *restrict mask, sn_real *restrict da,
                   sn_real *restrict a)
{
    for (size_t i = 0; i < count; i++) {
        da[i] *= mask[i] ? scale : 0;
        a[i] *= inverse;
    }
}

void sn_dropout_backward(double p, size_t count, const uint8_t *mask, sn_real *da,
                         sn_real *a)
{
    sn_real scale;
    const uint32_t threshold = threshold_of(p, &scale);
    mask_and_undo(scale, (sn_real)(1 - threshold / 65536.0), count, mask, da, a);
}
