/* SPDX-License-Identifier: BSD-3-Clause */
/** bfloat16 (bf16): the upper half of an IEEE 754 binary32 number, with 8 bits of
 *  significand.  The relative error of rounding is at most 2^-8. */
#ifndef SHARDNET_NN_PRODUCTS_BF16_H
#define SHARDNET_NN_PRODUCTS_BF16_H

#include <stddef.h>
#include <stdint.h>

#include "base/numeric/real.h"

/** bf16 (count) := x (count), rounded to nearest, ties to even; a NaN stays a NaN. */
void sn_bf16_from_float(size_t count, const sn_real *x, uint16_t *bf16);

/** x (count) := bf16 (count), without rounding. */
void sn_bf16_to_float(size_t count, const uint16_t *bf16, sn_real *x);

/** b (count) += a (count); each sum is rounded once. */
void sn_bf16_add(size_t count, const uint16_t *a, uint16_t *b);

#endif
