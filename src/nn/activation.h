/* SPDX-License-Identifier: BSD-3-Clause */
/** Activation functions. */
#ifndef SHARDNET_NN_ACTIVATION_H
#define SHARDNET_NN_ACTIVATION_H

#include <stddef.h>

#include "base/real.h"

typedef enum sn_activation {
    SN_TANH,
    SN_SIGMOID,
    SN_RELU,
    SN_LECUN_TANH /* 1.7159 tanh(2 z / 3): LeCun et al., Efficient BackProp, 1998 */
} sn_activation;

/** f(z) = out * tanh(in * z) for the tanh kinds; 1, 1 for the others. */
void sn_activation_scales(sn_activation activation, double *out, double *in);

/** row (cols) += bias (cols). */
void sn_bias_add(size_t cols, const sn_real *bias, sn_real *row);

/** row (cols) := f(row + bias), bias (cols). */
void sn_bias_activate(sn_activation activation, size_t cols, const sn_real *bias,
                      sn_real *row);

/** The same for out * tanh(in * z) and the sigmoid, through the vector library. */
void sn_tanh_row(size_t cols, sn_real out, sn_real in, const sn_real *bias,
                 sn_real *row);
void sn_sigmoid_row(size_t cols, const sn_real *bias, sn_real *row);

/** A (count) := dA * f'(z), in place, where A holds f(z) on entry: the derivative of
 *  every kind follows from its value.  dA (count). */
void sn_activation_backward(sn_activation activation, size_t count, const sn_real *da,
                            sn_real *a);

/** db (cols) = column sums of dZ (rows, cols). */
void sn_bias_gradient(size_t rows, size_t cols, const sn_real *dz, sn_real *db);

#endif
