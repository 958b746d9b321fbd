/* SPDX-License-Identifier: BSD-3-Clause */
/** oneDNN's matmul in one data type, with what it prepares kept for each shape
 * (internal to nn).  bf16 differs from float32 in the data type alone, so this code
 * runs, and is tested, where the processor has no bf16. */
#ifndef SHARDNET_NN_PRODUCTS_GEMM_MATMUL_H
#define SHARDNET_NN_PRODUCTS_GEMM_MATMUL_H

#include "nn/products/gemm.h"

/** Type of the factors; results and sums are float32. */
typedef enum sn_matmul_type { SN_MATMUL_F32, SN_MATMUL_BF16 } sn_matmul_type;

typedef struct sn_matmul sn_matmul;

/** SN_ECONFIG with what is missing, "oneDNN, which ..." or "a processor with ...", as
 *  its message; SN_ENOMEM, SN_EINTERNAL. */
sn_status sn_matmul_create(sn_matmul_type type, sn_matmul **matmul,
                           sn_error *err) SN_MUST_CHECK;
void sn_matmul_destroy(sn_matmul **matmul);

/** One product; a and b point to elements of the type.  No aliasing.  Allocates when
 *  the shape is new.  SN_ENOMEM, SN_EINTERNAL. */
sn_status sn_matmul_run(sn_matmul *matmul, const sn_gemm_shape *shape, const void *a,
                        const void *b, sn_real *c, sn_error *err) SN_MUST_CHECK;

/** The processor's instructions for products of bf16 as oneDNN sees them; NULL for none
 *  and in a build without oneDNN. */
const char *sn_matmul_bf16_instructions(void);

#endif
