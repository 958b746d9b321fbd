/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/products/bf16.h"

#include <string.h>

static inline float to_float(uint16_t bf16)
{
    const uint32_t bits = (uint32_t)bf16 << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The sum with 0x7FFF and the lowest bit of the upper half carries into the upper half
 * if x must be rounded up.  A NaN keeps its upper half, with one bit of its payload
 * set: it must not become an infinity. */
static inline uint16_t from_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t up = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    const uint32_t nan = bits >> 16 | 0x40;
    const uint32_t is_nan = (uint32_t)0 - (uint32_t)((bits & 0x7FFFFFFF) > 0x7F800000);
    return (uint16_t)((nan & is_nan) | (up & ~is_nan));
}

SN_HOT
void all_from_float(size_t count, const sn_real *restrict x, uint16_t *restrict bf16)
{
    for (size_t i = 0; i < count; i++) {
        bf16[i] = from_float((float)x[i]);
    }
}

void sn_bf16_from_float(size_t count, const sn_real *x, uint16_t *bf16)
{
    all_from_float(count, x, bf16);
}

SN_HOT
void all_to_float(size_t count, const uint16_t *restrict bf16, sn_real *restrict x)
{
    for (size_t i = 0; i < count; i++) {
        x[i] = (sn_real)to_float(bf16[i]);
    }
}

void sn_bf16_to_float(size_t count, const uint16_t *bf16, sn_real *x)
{
    all_to_float(count, bf16, x);
}

SN_HOT
void add_bf16(size_t count, const uint16_t *restrict a, uint16_t *restrict b)
{
    for (size_t i = 0; i < count; i++) {
        b[i] = from_float(to_float(a[i]) + to_float(b[i]));
    }
}

void sn_bf16_add(size_t count, const uint16_t *a, uint16_t *b)
{
    add_bf16(count, a, b);
}
