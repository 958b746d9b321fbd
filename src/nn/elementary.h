/* SPDX-License-Identifier: BSD-3-Clause */
/** exp and tanh for hot loops: arithmetic without branches or calls, which every
 *  compiler vectorizes.  They return the same bits on every processor and for every
 *  width of the vector registers.  The double build of nn calls the C library instead.
 *
 *  With y = n ln 2 + r, n an integer and |r| <= ln(2) / 2,
 *
 *      exp(y) = 2^n (1 + q),   expm1(y) = 2^n q + (2^n - 1),   q = expm1(r),
 *      tanh(x) = expm1(2 x) / (expm1(2 x) + 2).
 *
 *  Source of the constants: S. L. Moshier, Cephes, expf. */
#ifndef SHARDNET_NN_ELEMENTARY_H
#define SHARDNET_NN_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/numeric/real.h"

#ifdef SHARDNET_REAL_DOUBLE

static inline sn_real sn_exp(sn_real x)
{
    return exp(x);
}

static inline sn_real sn_tanh(sn_real x)
{
    return tanh(x);
}

#else

/** Returns q; *power := 2^n for -126 <= n <= 127. */
static inline float sn_expm1_reduced(float y, float *power)
{
    const float inverse_ln2 = 0x1.715476p0F;
    const float ln2_high = 0x1.62e4p-1F, ln2_low = 0x1.7f7d1cp-20F;
    const float rounder = 0x1.8p23F; /* the sum's lowest bits are n */
    const float sum = y * inverse_ln2 + rounder;
    const float n = sum - rounder;
    const float r = (y - n * ln2_high) - n * ln2_low;
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    bits = (bits + 127) << 23;
    memcpy(power, &bits, sizeof bits);
    float q = 1.9875691500e-4F;
    q = q * r + 1.3981999507e-3F;
    q = q * r + 8.3334519073e-3F;
    q = q * r + 4.1665795894e-2F;
    q = q * r + 1.6666665459e-1F;
    q = q * r + 5.0000001201e-1F;
    return q * r * r + r;
}

/** Returns exp(x) with an error below 1 unit in the last place; 0 for x < -87.3 and
 *  infinity for x > 88.3, where the exponential nearly leaves the normal numbers. */
static inline float sn_exp(float x)
{
    float power;
    const float q = sn_expm1_reduced(x, &power);
    const float y = (q + 1) * power;
    return x < -87.3F ? 0 : x > 88.3F ? INFINITY : y;
}

/** Returns tanh(x) with an error below 2.5 units in the last place; |tanh(x)| <= 1. */
static inline float sn_tanh(float x)
{
    const uint32_t sign_bit = UINT32_C(0x80000000);
    uint32_t bits, sign;
    float a, power;
    memcpy(&bits, &x, sizeof bits);
    sign = bits & sign_bit;
    bits ^= sign;
    memcpy(&a, &bits, sizeof a);
    a = a > 10 ? 10 : a; /* tanh(10) rounds to 1; a NaN stays a NaN */
    const float q = sn_expm1_reduced(2 * a, &power);
    const float e = power * q + (power - 1);
    const float y = e / (e + 2);
    memcpy(&bits, &y, sizeof bits);
    bits |= sign;
    memcpy(&a, &bits, sizeof a);
    return a;
}

#endif
#endif
