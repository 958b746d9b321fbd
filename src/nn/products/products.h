/* SPDX-License-Identifier: BSD-3-Clause */
/** The matrix products of a network, row-major, with float32 or bf16 operands.  The
 *  product of two bf16 elements is exact in float32; sums are float32, in the order of
 *  the library.  None of these functions is collective. */
#ifndef SHARDNET_NN_PRODUCTS_PRODUCTS_H
#define SHARDNET_NN_PRODUCTS_PRODUCTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/numeric/real.h"
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

/** Memory of the products: oneDNN's primitives, operands converted to float32, and the
 *  first error. */
typedef struct sn_products sn_products;

/** Allocates memory for products whose operands A and B have at most largest_a and
 *  largest_b elements.  The caller owns *products; it is NULL after an error.
 *  Errors: as sn_precision_check. */
sn_status sn_products_create(sn_precision precision, size_t largest_a, size_t largest_b,
                             sn_products **products, sn_error *err) SN_MUST_CHECK;

/** Frees *products, which may be NULL, and sets it to NULL. */
void sn_products_destroy(sn_products **products);

/** Returns the bytes that sn_products_create allocates, without those of oneDNN. */
size_t sn_products_bytes(sn_precision precision, size_t largest_a, size_t largest_b);

/** Computes C with float32 operands (float64 in the double build).  No aliasing.
 *  OpenBLAS neither fails nor allocates.  oneDNN allocates memory for each new shape
 *  and may fail: C is then undefined, and sn_products_status returns the error. */
void sn_products_run(sn_products *products, sn_backend backend,
                     const sn_gemm_shape *shape, const sn_real *a, const sn_real *b,
                     sn_real *c);

/** Computes C (float32) likewise, with bf16 operands; precision was not fp32.  oneDNN
 *  computes the product, or backend if it is emulated. */
void sn_products_run_bf16(sn_products *products, sn_backend backend,
                          const sn_gemm_shape *shape, const uint16_t *a,
                          const uint16_t *b, sn_real *c);

/** Returns the first error of a product, with its message, or SN_OK. */
sn_status sn_products_status(const sn_products *products, sn_error *err) SN_MUST_CHECK;

#endif
