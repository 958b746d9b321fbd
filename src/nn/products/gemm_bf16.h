/* SPDX-License-Identifier: BSD-3-Clause */
/** Matrix products of bf16 operands, row-major.  The product of two elements is exact
 *  in float32; sums are float32, in the order of the library.  None of these functions
 *  is collective. */
#ifndef SHARDNET_NN_PRODUCTS_GEMM_BF16_H
#define SHARDNET_NN_PRODUCTS_GEMM_BF16_H

#include <stddef.h>
#include <stdint.h>

#include "nn/products/gemm.h"

/** Type of the operands of the matrix products of a training step. */
typedef enum sn_precision {
    SN_PRECISION_FP32,
    SN_PRECISION_BF16,         /* oneDNN uses the bf16 instructions of the CPU */
    SN_PRECISION_BF16_EMULATED /* bf16 operands are converted to float32; any CPU */
} sn_precision;

/** Returns SN_OK if build and CPU support the precision; nodes may differ.
 *  Errors: SN_ECONFIG with a message that completes "precision needs"; SN_ENOMEM,
 *  SN_EINTERNAL. */
sn_status sn_precision_check(sn_precision precision, sn_error *err) SN_MUST_CHECK;

/** Returns the CPU instructions that compute the products, or "emulated", for the first
 *  lines of a run; "" for fp32. */
const char *sn_precision_method(sn_precision precision);

/** Memory of the products: operands converted to float32, or oneDNN's primitives. */
typedef struct sn_gemm_bf16 sn_gemm_bf16;

/** Allocates memory for products whose operands A and B have at most largest_a and
 *  largest_b elements.  precision is not fp32.  The caller owns *gemm; it is NULL after
 *  an error.  Errors: as sn_precision_check. */
sn_status sn_gemm_bf16_create(sn_precision precision, size_t largest_a,
                              size_t largest_b, sn_gemm_bf16 **gemm,
                              sn_error *err) SN_MUST_CHECK;

/** Frees *gemm, which may be NULL, and sets it to NULL. */
void sn_gemm_bf16_destroy(sn_gemm_bf16 **gemm);

/** Returns the bytes that sn_gemm_bf16_create allocates, without those of oneDNN. */
size_t sn_gemm_bf16_bytes(sn_precision precision, size_t largest_a, size_t largest_b);

/** Computes C (float32) as sn_gemm does, with bf16 operands.  backend computes emulated
 *  products, which neither fail nor allocate.  oneDNN allocates memory for each new
 *  shape and may fail: C is then undefined; sn_gemm_bf16_status returns the error. */
void sn_gemm_bf16_run(sn_gemm_bf16 *gemm, sn_backend backend,
                      const sn_gemm_shape *shape, const uint16_t *a, const uint16_t *b,
                      sn_real *c);

/** Returns the first error of a product, with its message; SN_OK if there was none or
 *  gemm is NULL. */
sn_status sn_gemm_bf16_status(const sn_gemm_bf16 *gemm, sn_error *err) SN_MUST_CHECK;

#endif
