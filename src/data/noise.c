/* SPDX-License-Identifier: BSD-3-Clause */
/* Two words give two normal numbers r cos(a) and r sin(a): r = sqrt(-2 log u) with u
 * uniform on (0, 1) from the first word; a is uniform on (0, pi / 2) from the second,
 * and two of its lowest bits are the signs, which select one of four quadrants.
 *
 * The loop has no branch and calls no function of a mathematics library, so it is
 * vectorized and has the same bits everywhere; a square root is rounded correctly on
 * every processor. */
#include "data/noise.h"

#include <math.h>
#include <string.h>

#include "base/numeric/real.h"
#include "base/numeric/rng.h"

enum { BLOCKS = 256, NUMBERS = 4 * BLOCKS }; /* Philox blocks per call */

/* Returns log(u) for normal u > 0 with an error of a few units in the last place.  With
 * u = 2^n (1 + f) and 1 + f in [sqrt(1/2), sqrt(2)), log(u) = n log(2) + log(1 + f).
 * Source of the constants: S. L. Moshier, Cephes, logf. */
static inline float log_of(float u)
{
    uint32_t bits;
    memcpy(&bits, &u, sizeof bits);
    const uint32_t root_half = 0x3F3504F3;
    const int32_t n = (int32_t)(bits - root_half) >> 23;
    bits -= (uint32_t)n << 23;
    float f, p;
    memcpy(&f, &bits, sizeof f);
    f -= 1;
    p = 7.0376836292e-2F;
    p = p * f - 1.1514610310e-1F;
    p = p * f + 1.1676998740e-1F;
    p = p * f - 1.2420140846e-1F;
    p = p * f + 1.4249322787e-1F;
    p = p * f - 1.6668057665e-1F;
    p = p * f + 2.0000714765e-1F;
    p = p * f - 2.4999993993e-1F;
    p = p * f + 3.3333331174e-1F;
    const float square = f * f;
    return (float)n * 0.69314718056F + (p * f * square - 0.5F * square + f);
}

/* Changes the sign of x if the lowest bit is 1. */
static inline float with_sign(float x, uint32_t bit)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits ^= bit << 31;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float unit(uint32_t word)
{
    return ((float)(int32_t)(word >> 9) + 0.5F) * 0x1p-23F;
}

/* first, second (count) := normal numbers of the words radius and angle (count). */
SN_HOT
void box_muller(size_t count, float deviation, const uint32_t *restrict radius,
                const uint32_t *restrict angle, float *restrict first,
                float *restrict second)
{
    for (size_t i = 0; i < count; i++) {
        const float r = deviation * sqrtf(-2 * log_of(unit(radius[i])));
        const float a = unit(angle[i]) * 1.57079632679F, aa = a * a;
        float s = -2.5052108e-8F, c = 2.0876757e-9F; /* Taylor series */
        s = s * aa + 2.7557319e-6F;
        s = s * aa - 1.9841270e-4F;
        s = s * aa + 8.3333333e-3F;
        s = s * aa - 1.6666667e-1F;
        c = c * aa - 2.7557319e-7F;
        c = c * aa + 2.4801587e-5F;
        c = c * aa - 1.3888889e-3F;
        c = c * aa + 4.1666667e-2F;
        c = c * aa - 0.5F;
        first[i] = with_sign(r * (c * aa + 1), angle[i]);
        second[i] = with_sign(r * (s * aa * a + a), angle[i] >> 1);
    }
}

SN_HOT
void add(size_t count, const float *restrict numbers, float *restrict x)
{
    for (size_t i = 0; i < count; i++) {
        x[i] += numbers[i];
    }
}

void sn_noise_add(double deviation, uint64_t seed, uint32_t epoch, uint32_t sample,
                  size_t count, float *x)
{
    for (size_t begin = 0; begin < count; begin += NUMBERS) {
        const size_t chunk = count - begin < NUMBERS ? count - begin : NUMBERS;
        const size_t blocks = (chunk + 3) / 4;
        uint32_t words[NUMBERS];      /* (4, blocks) */
        float numbers[NUMBERS] = {0}; /* (4, blocks) */
        sn_rng_blocks(seed, SN_RNG_NOISE, 0, epoch, sample, (uint32_t)(begin / 4),
                      blocks, words);
        for (size_t q = 0; q < 4; q += 2) {
            float *first = numbers + q * blocks;
            box_muller(blocks, (float)deviation, words + q * blocks,
                       words + (q + 1) * blocks, first, first + blocks);
        }
        add(chunk, numbers, x + begin);
    }
}
