/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/products/gemm_bf16.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "nn/products/bf16.h"
#include "nn/products/gemm_matmul.h"

struct sn_gemm_bf16 {
    sn_matmul *matmul; /* NULL if products are emulated */
    sn_real *real_a;   /* (largest_a) if products are emulated, else NULL */
    sn_real *real_b;   /* (largest_b), likewise */
    sn_status status;  /* the first error of a product, */
    sn_error error;    /* and its message */
};

sn_status sn_precision_check(sn_precision precision, sn_error *err)
{
    if (precision != SN_PRECISION_BF16) {
        return SN_OK;
    }
    sn_matmul *matmul;
    const sn_status status = sn_matmul_create(SN_MATMUL_BF16, &matmul, err);
    sn_matmul_destroy(&matmul);
    return status;
}

const char *sn_precision_method(sn_precision precision)
{
    const char *instructions = sn_matmul_bf16_instructions();
    return precision == SN_PRECISION_BF16_EMULATED                  ? "emulated"
           : precision == SN_PRECISION_BF16 && instructions != NULL ? instructions
                                                                    : "";
}

size_t sn_gemm_bf16_bytes(sn_precision precision, size_t largest_a, size_t largest_b)
{
    return precision == SN_PRECISION_BF16_EMULATED
               ? (largest_a + largest_b) * sizeof(sn_real)
               : 0;
}

sn_status sn_gemm_bf16_create(sn_precision precision, size_t largest_a,
                              size_t largest_b, sn_gemm_bf16 **gemm, sn_error *err)
{
    *gemm = calloc(1, sizeof **gemm);
    sn_status status = *gemm == NULL ? SN_ENOMEM : SN_OK;
    if (status == SN_OK && precision == SN_PRECISION_BF16) {
        status = sn_matmul_create(SN_MATMUL_BF16, &(*gemm)->matmul, err);
    } else if (status == SN_OK) {
        (*gemm)->real_a = sn_alloc(largest_a, sizeof(sn_real));
        (*gemm)->real_b = sn_alloc(largest_b, sizeof(sn_real));
        if ((*gemm)->real_a == NULL || (*gemm)->real_b == NULL) {
            status = SN_ENOMEM;
        }
    }
    if (status == SN_ENOMEM) {
        (void)sn_fail(err, status,
                      "bf16 products (operands of %zu and %zu elements): out of "
                      "memory; use a smaller batch, or precision = fp32",
                      largest_a, largest_b);
    }
    if (status != SN_OK) {
        sn_gemm_bf16_destroy(gemm);
    }
    return status;
}

void sn_gemm_bf16_destroy(sn_gemm_bf16 **gemm)
{
    if (*gemm != NULL) {
        sn_matmul_destroy(&(*gemm)->matmul);
        free((*gemm)->real_a);
        free((*gemm)->real_b);
        free(*gemm);
        *gemm = NULL;
    }
}

/* real (rows, cols) := bf16 (rows, stride), its first cols columns. */
static void convert(size_t rows, size_t cols, size_t stride, const uint16_t *bf16,
                    sn_real *real)
{
    SN_PARALLEL_IF(rows * cols >= SN_PARALLEL_ELEMENTS)
    for (size_t i = 0; i < rows; i++) {
        sn_bf16_to_float(cols, bf16 + i * stride, real + i * cols);
    }
}

static void emulate(const sn_gemm_bf16 *gemm, sn_backend backend,
                    const sn_gemm_shape *s, const uint16_t *a, const uint16_t *b,
                    sn_real *c)
{
    sn_gemm_shape dense = *s;
    dense.lda = s->transpose_a ? s->m : s->k;
    dense.ldb = s->transpose_b ? s->k : s->n;
    convert(s->transpose_a ? s->k : s->m, dense.lda, s->lda, a, gemm->real_a);
    convert(s->transpose_b ? s->n : s->k, dense.ldb, s->ldb, b, gemm->real_b);
    sn_gemm(backend, &dense, gemm->real_a, gemm->real_b, c);
}

void sn_gemm_bf16_run(sn_gemm_bf16 *gemm, sn_backend backend,
                      const sn_gemm_shape *shape, const uint16_t *a, const uint16_t *b,
                      sn_real *c)
{
    if (gemm->matmul == NULL) {
        emulate(gemm, backend, shape, a, b, c);
        return;
    }
    sn_error err = {""};
    const sn_status status = sn_matmul_run(gemm->matmul, shape, a, b, c, &err);
    if (status != SN_OK && gemm->status == SN_OK) {
        gemm->status = status;
        gemm->error = err;
    }
}

sn_status sn_gemm_bf16_status(const sn_gemm_bf16 *gemm, sn_error *err)
{
    if (gemm == NULL || gemm->status == SN_OK) {
        return SN_OK;
    }
    *err = gemm->error;
    return gemm->status;
}
