/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/activation.h"

#include "base/parallel.h"

void sn_activation_scales(sn_activation activation, double *out, double *in)
{
    *out = activation == SN_LECUN_TANH ? 1.7159 : 1;
    *in = activation == SN_LECUN_TANH ? 2.0 / 3.0 : 1;
}

SN_HOT
void sn_bias_add(size_t cols, const sn_real *bias, sn_real *row)
{
    for (size_t j = 0; j < cols; j++) {
        row[j] += bias[j];
    }
}

SN_HOT
static void relu_row(size_t cols, const sn_real *restrict bias, sn_real *restrict row)
{
    for (size_t j = 0; j < cols; j++) {
        sn_real z = row[j] + bias[j];
        row[j] = z < 0 ? 0 : z; /* a NaN stays a NaN, so that training reports it */
    }
}

void sn_bias_activate(sn_activation activation, size_t cols, const sn_real *bias,
                      sn_real *row)
{
    double out, in;
    sn_activation_scales(activation, &out, &in);
    switch (activation) {
    case SN_TANH:
    case SN_LECUN_TANH:
        sn_tanh_row(cols, (sn_real)out, (sn_real)in, bias, row);
        break;
    case SN_SIGMOID:
        sn_sigmoid_row(cols, bias, row);
        break;
    case SN_RELU:
        relu_row(cols, bias, row);
        break;
    }
}

SN_HOT
static void tanh_backward(size_t count, sn_real out, sn_real in,
                          const sn_real *restrict da, sn_real *restrict a)
{
    /* d/dz out tanh(in z) = out in - (in / out) a^2 */
    const sn_real constant = out * in, square = in / out;
    for (size_t i = 0; i < count; i++) {
        a[i] = da[i] * (constant - square * a[i] * a[i]);
    }
}

SN_HOT
static void sigmoid_backward(size_t count, const sn_real *restrict da,
                             sn_real *restrict a)
{
    for (size_t i = 0; i < count; i++) {
        a[i] = da[i] * a[i] * (1 - a[i]);
    }
}

SN_HOT
static void relu_backward(size_t count, const sn_real *restrict da, sn_real *restrict a)
{
    for (size_t i = 0; i < count; i++) {
        a[i] = a[i] > 0 ? da[i] : 0;
    }
}

void sn_activation_backward(sn_activation activation, size_t count, const sn_real *da,
                            sn_real *a)
{
    double out, in;
    sn_activation_scales(activation, &out, &in);
    switch (activation) {
    case SN_TANH:
    case SN_LECUN_TANH:
        tanh_backward(count, (sn_real)out, (sn_real)in, da, a);
        break;
    case SN_SIGMOID:
        sigmoid_backward(count, da, a);
        break;
    case SN_RELU:
        relu_backward(count, da, a);
        break;
    }
}

/* db (cols) := the sums of the first cols columns of dZ (rows, stride). */
SN_HOT
static void sum_columns(size_t rows, size_t stride, size_t cols,
                        const sn_real *restrict dz, sn_real *restrict db)
{
    for (size_t j = 0; j < cols; j++) {
        db[j] = 0;
    }
    for (size_t i = 0; i < rows; i++) {
        const sn_real *row = dz + i * stride;
        for (size_t j = 0; j < cols; j++) {
            db[j] += row[j];
        }
    }
}

void sn_bias_gradient(size_t rows, size_t cols, const sn_real *dz, sn_real *db)
{
    enum { CHUNK = 256 };
    SN_PARALLEL_IF(rows * cols >= SN_PARALLEL_ELEMENTS)
    for (size_t first = 0; first < cols; first += CHUNK) {
        sum_columns(rows, cols, cols - first < CHUNK ? cols - first : CHUNK, dz + first,
                    db + first);
    }
}
