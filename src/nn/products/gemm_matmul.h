/* SPDX-License-Identifier: BSD-3-Clause */
/** Matrix products by oneDNN for one type of operands; only products.c and tests
 *  include this header.  oneDNN makes a primitive for each shape, and the primitives
 *  are kept.  With AVX-512 a product of a known shape allocates nothing: its buffers
 *  are a scratchpad that all products share. */
#ifndef SHARDNET_NN_PRODUCTS_GEMM_MATMUL_H
#define SHARDNET_NN_PRODUCTS_GEMM_MATMUL_H

#include "base/numeric/real.h"
#include "nn/products/gemm.h"

/** Type of the operands; results and sums are float32. */
typedef enum sn_matmul_type { SN_MATMUL_F32, SN_MATMUL_BF16 } sn_matmul_type;

typedef struct sn_matmul sn_matmul;

/** Creates *matmul; the caller owns it; it is NULL after an error.
 *  Errors: SN_ECONFIG with a message that completes "precision needs"; SN_ENOMEM,
 *  SN_EINTERNAL. */
sn_status sn_matmul_create(sn_matmul_type type, sn_matmul **matmul,
                           sn_error *err) SN_MUST_CHECK;

/** Frees *matmul, which may be NULL, and sets it to NULL. */
void sn_matmul_destroy(sn_matmul **matmul);

/** Computes a product; a and b point to elements of the type.  No aliasing.  Allocates
 *  memory if the shape is new.  Errors: SN_ENOMEM, SN_EINTERNAL. */
sn_status sn_matmul_run(sn_matmul *matmul, const sn_gemm_shape *shape, const void *a,
                        const void *b, sn_real *c, sn_error *err) SN_MUST_CHECK;

/** Returns the name of the CPU's bf16 instructions that oneDNN can use; NULL if there
 *  are none or the build has no oneDNN. */
const char *sn_matmul_bf16_instructions(void);

#endif
