/* SPDX-License-Identifier: BSD-3-Clause */
/** Matrix products of bf16 factors, row-major.  Each product of two elements is exact
 * in float32; the sums are float32, in the order of the library below. */
#ifndef SHARDNET_NN_PRODUCTS_GEMM_BF16_H
#define SHARDNET_NN_PRODUCTS_GEMM_BF16_H

#include <stddef.h>
#include <stdint.h>

#include "nn/products/gemm.h"

/** Type of the factors of a training step's matrix products. */
typedef enum sn_precision {
    SN_PRECISION_FP32,
    SN_PRECISION_BF16,         /* oneDNN's products, by bf16 instructions */
    SN_PRECISION_BF16_EMULATED /* factors widened, then products of float32: slower,
                                  on any processor */
} sn_precision;

/** SN_OK where this build and processor can compute with it, else SN_ECONFIG with what
 *  is missing ("oneDNN, which ..." or "a processor with ...") as its message.  Not
 *  collective: nodes may differ. */
sn_status sn_precision_check(sn_precision precision, sn_error *err) SN_MUST_CHECK;

/** Which instructions or which library compute the products, for the first lines of a
 *  run; "" for fp32. */
const char *sn_precision_method(sn_precision precision);

/** What products need from one call to the next: widened factors, or what oneDNN
 *  prepares for each shape. */
typedef struct sn_gemm_bf16 sn_gemm_bf16;

/** For products with up to largest_a and largest_b elements in their factors. precision
 *  is not fp32.  SN_ECONFIG as above, SN_ENOMEM, SN_EINTERNAL. */
sn_status sn_gemm_bf16_create(sn_precision precision, size_t largest_a,
                              size_t largest_b, sn_gemm_bf16 **gemm,
                              sn_error *err) SN_MUST_CHECK;
void sn_gemm_bf16_destroy(sn_gemm_bf16 **gemm);

/** Memory that _create takes; what oneDNN takes is not known.  Pure. */
size_t sn_gemm_bf16_bytes(sn_precision precision, size_t largest_a, size_t largest_b);

/** sn_gemm with bf16 factors and a float32 result.  backend computes those that are
 *  emulated.  Emulation neither fails nor allocates.  oneDNN allocates when it meets a
 *  shape for the first time and may fail: then C is of no use, and sn_gemm_bf16_status
 *  returns the reason. */
void sn_gemm_bf16_run(sn_gemm_bf16 *gemm, sn_backend backend,
                      const sn_gemm_shape *shape, const uint16_t *a, const uint16_t *b,
                      sn_real *c);

/** The first failure of a product; SN_OK for none and for gemm NULL. */
sn_status sn_gemm_bf16_status(const sn_gemm_bf16 *gemm, sn_error *err) SN_MUST_CHECK;

#endif
