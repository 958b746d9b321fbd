/** Rows of tanh and sigmoid through the vector library (internal to nn). */
#ifndef SHARDNET_NN_TRANSCENDENTAL_H
#define SHARDNET_NN_TRANSCENDENTAL_H

#include <stddef.h>

#include "base/real.h"

/** row := out * tanh(in * (row + bias)), in place; row (cols), bias (cols). */
void sn_tanh_row(size_t cols, sn_real out, sn_real in, const sn_real *restrict bias,
                 sn_real *restrict row);

/** row := 1 / (1 + exp(-(row + bias))), in place. */
void sn_sigmoid_row(size_t cols, const sn_real *restrict bias, sn_real *restrict row);

#endif
