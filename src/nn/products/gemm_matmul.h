/** oneDNN's matmul in one data type, with what it prepares kept for each shape
 * (internal to nn).  Only the data type tells bf16 from float32, so that this code
 * runs, and is tested, where the processor has no bf16. */
#ifndef SHARDNET_NN_PRODUCTS_GEMM_MATMUL_H
#define SHARDNET_NN_PRODUCTS_GEMM_MATMUL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/real.h"
#include "shardnet/status.h"

/** Type of the factors; results and sums are float32. */
typedef enum sn_matmul_type { SN_MATMUL_F32, SN_MATMUL_BF16 } sn_matmul_type;

/** C (m, n) = op(A) op(B), row-major.  A lies in memory as (k, m) where transpose_a,
 *  else as (m, k), its rows lda apart; B as (n, k) where transpose_b, else as (k, n),
 *  its rows ldb apart; C's rows are n apart. */
typedef struct sn_matmul_shape {
    bool transpose_a, transpose_b;
    size_t m, n, k, lda, ldb;
} sn_matmul_shape;

typedef struct sn_matmul sn_matmul;

/** SN_ECONFIG with what is missing, "oneDNN, which ..." or "a processor with ...", as
 *  its message; SN_ENOMEM, SN_EINTERNAL. */
sn_status sn_matmul_create(sn_matmul_type type, sn_matmul **matmul,
                           sn_error *err) SN_MUST_CHECK;
void sn_matmul_destroy(sn_matmul **matmul);

/** One product; a and b point to elements of the type.  No aliasing.  Allocates when
 *  the shape is new.  SN_ENOMEM, SN_EINTERNAL. */
sn_status sn_matmul_run(sn_matmul *matmul, const sn_matmul_shape *shape, const void *a,
                        const void *b, sn_real *c, sn_error *err) SN_MUST_CHECK;

/** Shapes met so far. */
size_t sn_matmul_shapes(const sn_matmul *matmul);

/** The processor's instructions for products of bf16 as oneDNN sees them; NULL for none
 *  and in a build without oneDNN. */
const char *sn_matmul_bf16_instructions(void);

#endif
