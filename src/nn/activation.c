/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/activation.h"

#include "base/numeric/parallel.h"
#include "nn/elementary.h"

void sn_activation_scales(sn_activation activation, double *out, double *in)
{
    *out = activation == SN_LECUN_TANH ? 1.7159 : 1;
    *in = activation == SN_LECUN_TANH ? 2.0 / 3.0 : 1;
}

SN_HOT
void add_bias(size_t rows, size_t cols, const sn_real *restrict bias,
              sn_real *restrict z)
{
    for (size_t i = 0; i < rows; i++) {
        sn_real *row = z + i * cols;
        for (size_t j = 0; j < cols; j++) {
            row[j] += bias[j];
        }
    }
}

void sn_bias_add(size_t rows, size_t cols, const sn_real *bias, sn_real *z)
{
    add_bias(rows, cols, bias, z);
}

SN_HOT
void scaled_tanh(size_t count, sn_real out, sn_real in, sn_real *z)
{
    for (size_t i = 0; i < count; i++) {
        z[i] = out * sn_tanh(in * z[i]);
    }
}

SN_HOT
void sigmoid(size_t count, sn_real *z)
{
    for (size_t i = 0; i < count; i++) {
        z[i] = 1 / (1 + sn_exp(-z[i]));
    }
}

SN_HOT
void relu(size_t count, sn_real *z)
{
    for (size_t i = 0; i < count; i++) {
        z[i] = z[i] < 0 ? 0 : z[i]; /* a NaN stays a NaN, so that training reports it */
    }
}

void sn_activate(sn_activation activation, size_t count, sn_real *z)
{
    double out, in;
    sn_activation_scales(activation, &out, &in);
    switch (activation) {
    case SN_TANH:
    case SN_LECUN_TANH:
        scaled_tanh(count, (sn_real)out, (sn_real)in, z);
        break;
    case SN_SIGMOID:
        sigmoid(count, z);
        break;
    case SN_RELU:
        relu(count, z);
        break;
    }
}

SN_HOT
void tanh_backward(size_t count, sn_real out, sn_real in, const sn_real *restrict da,
                   sn_real *restrict a)
{
    /* d/dz out tanh(in z) = out in - (in / out) a^2 */
    const sn_real constant = out * in, square = in / out;
    for (size_t i = 0; i < count; i++) {
        a[i] = da[i] * (constant - square * a[i] * a[i]);
    }
}

SN_HOT
void sigmoid_backward(size_t count, const sn_real *restrict da, sn_real *restrict a)
{
    for (size_t i = 0; i < count; i++) {
        a[i] = da[i] * a[i] * (1 - a[i]);
    }
}

SN_HOT
void relu_backward(size_t count, const sn_real *restrict da, sn_real *restrict a)
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
void sum_columns(size_t rows, size_t stride, size_t cols, const sn_real *restrict dz,
                 sn_real *restrict db)
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
