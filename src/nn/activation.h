/* SPDX-License-Identifier: BSD-3-Clause */
/** Activation functions f, and the bias that is added before them.  Each element is a
 *  function of its operands alone and has the same bits on every processor.  None of
 *  these functions is collective or allocates. */
#ifndef SHARDNET_NN_ACTIVATION_H
#define SHARDNET_NN_ACTIVATION_H

#include <stddef.h>

#include "base/numeric/real.h"

typedef enum sn_activation {
    SN_TANH,
    SN_SIGMOID,
    SN_RELU,
    SN_LECUN_TANH /* 1.7159 tanh(2 z / 3): LeCun et al., Efficient BackProp, 1998 */
} sn_activation;

/** Returns the scales of f(z) = out * tanh(in * z); *out = *in = 1 if activation is not
 *  a tanh. */
void sn_activation_scales(sn_activation activation, double *out, double *in);

/** Z (rows, cols) := Z + 1 bt; bias b (cols); row-major, no aliasing. */
void sn_bias_add(size_t rows, size_t cols, const sn_real *bias, sn_real *z);

/** Z (count) := f(Z). */
void sn_activate(sn_activation activation, size_t count, sn_real *z);

/** A (count) := dZ = dA * f'(Z).  On entry A holds f(Z); every f'(z) is a function of
 *  f(z), for example 1 - f(z)^2 for tanh.  dA (count); no aliasing. */
void sn_activation_backward(sn_activation activation, size_t count, const sn_real *da,
                            sn_real *a);

/** db (cols) := dZt 1, the sums of the columns of dZ (rows, cols); row-major. */
void sn_bias_gradient(size_t rows, size_t cols, const sn_real *dz, sn_real *db);

#endif
