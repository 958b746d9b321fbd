/* SPDX-License-Identifier: BSD-3-Clause */
/* This file is compiled with -ffast-math but true divisions: the compiler then calls
 * the vector functions of libmvec (error up to 4 units in the last place), and exp may
 * overflow to infinity.  The code here must not test for NaN. */
#include <math.h>

#include "nn/activation.h"

#ifdef SHARDNET_REAL_DOUBLE
#define REAL_TANH tanh
#define REAL_EXP  exp
#else
#define REAL_TANH tanhf
#define REAL_EXP  expf
#endif

SN_HOT
void sn_tanh_row(size_t cols, sn_real out, sn_real in, const sn_real *restrict bias,
                 sn_real *restrict row)
{
    for (size_t j = 0; j < cols; j++) {
        row[j] = out * REAL_TANH(in * (row[j] + bias[j]));
    }
}

SN_HOT
void sn_sigmoid_row(size_t cols, const sn_real *restrict bias, sn_real *restrict row)
{
    for (size_t j = 0; j < cols; j++) {
        row[j] = 1 / (1 + REAL_EXP(-(row[j] + bias[j])));
    }
}
