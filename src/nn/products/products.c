/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/products/products.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/numeric/parallel.h"
#include "nn/products/bf16.h"
#include "nn/products/gemm_matmul.h"
#include "nn/products/gemm_openblas.h"

struct sn_products {
    sn_matmul *fp32;  /* NULL before the first product of oneDNN */
    sn_matmul *bf16;  /* NULL if bf16 products are emulated */
    sn_real *real_a;  /* (largest_a) if bf16 products are emulated, else NULL */
    sn_real *real_b;  /* (largest_b), likewise */
    sn_status status; /* the first error of a product, */
    sn_error error;   /* and its message */
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

size_t sn_products_bytes(sn_precision precision, size_t largest_a, size_t largest_b)
{
    return precision == SN_PRECISION_BF16_EMULATED
               ? (largest_a + largest_b) * sizeof(sn_real)
               : 0;
}

sn_status sn_products_create(sn_precision precision, size_t largest_a, size_t largest_b,
                             sn_products **products, sn_error *err)
{
    sn_products *made = calloc(1, sizeof *made);
    sn_status status = made == NULL ? SN_ENOMEM : SN_OK;
    if (status == SN_OK && precision == SN_PRECISION_BF16) {
        status = sn_matmul_create(SN_MATMUL_BF16, &made->bf16, err);
    } else if (status == SN_OK && precision == SN_PRECISION_BF16_EMULATED) {
        made->real_a = sn_alloc(largest_a, sizeof(sn_real));
        made->real_b = sn_alloc(largest_b, sizeof(sn_real));
        if (made->real_a == NULL || made->real_b == NULL) {
            status = SN_ENOMEM;
        }
    }
    if (status == SN_ENOMEM) {
        (void)sn_fail(err, status,
                      "products (operands of %zu and %zu elements): out of memory; use "
                      "a smaller batch, or precision = fp32",
                      largest_a, largest_b);
    }
    if (status != SN_OK) {
        sn_products_destroy(&made);
    }
    *products = made;
    return status;
}

void sn_products_destroy(sn_products **products)
{
    if (*products != NULL) {
        sn_matmul_destroy(&(*products)->fp32);
        sn_matmul_destroy(&(*products)->bf16);
        free((*products)->real_a);
        free((*products)->real_b);
        free(*products);
        *products = NULL;
    }
}

static void keep_first(sn_products *products, sn_status status, const sn_error *err)
{
    if (status != SN_OK && products->status == SN_OK) {
        products->status = status;
        products->error = *err;
    }
}

static void multiply_by_onednn(sn_products *products, const sn_gemm_shape *s,
                               const sn_real *a, const sn_real *b, sn_real *c)
{
    sn_error err = {""};
    sn_status status = SN_OK;
    if (products->fp32 == NULL) {
        status = sn_matmul_create(SN_MATMUL_F32, &products->fp32, &err);
    }
    if (status == SN_OK) {
        status = sn_matmul_run(products->fp32, s, a, b, c, &err);
    }
    keep_first(products, status, &err);
}

void sn_products_run(sn_products *products, sn_backend backend, const sn_gemm_shape *s,
                     const sn_real *a, const sn_real *b, sn_real *c)
{
    if (backend == SN_BACKEND_ONEDNN) {
        multiply_by_onednn(products, s, a, b, c);
        return;
    }
    sn_openblas_functions()->gemm(
        CblasRowMajor, s->transpose_a ? CblasTrans : CblasNoTrans,
        s->transpose_b ? CblasTrans : CblasNoTrans, (int)s->m, (int)s->n, (int)s->k, 1,
        a, (int)s->lda, b, (int)s->ldb, 0, c, (int)s->n);
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

static void emulate(sn_products *products, sn_backend backend, const sn_gemm_shape *s,
                    const uint16_t *a, const uint16_t *b, sn_real *c)
{
    sn_gemm_shape dense = *s;
    dense.lda = s->transpose_a ? s->m : s->k;
    dense.ldb = s->transpose_b ? s->k : s->n;
    convert(s->transpose_a ? s->k : s->m, dense.lda, s->lda, a, products->real_a);
    convert(s->transpose_b ? s->n : s->k, dense.ldb, s->ldb, b, products->real_b);
    sn_products_run(products, backend, &dense, products->real_a, products->real_b, c);
}

void sn_products_run_bf16(sn_products *products, sn_backend backend,
                          const sn_gemm_shape *shape, const uint16_t *a,
                          const uint16_t *b, sn_real *c)
{
    if (products->bf16 == NULL) {
        emulate(products, backend, shape, a, b, c);
        return;
    }
    sn_error err = {""};
    const sn_status status = sn_matmul_run(products->bf16, shape, a, b, c, &err);
    keep_first(products, status, &err);
}

sn_status sn_products_status(const sn_products *products, sn_error *err)
{
    if (products->status != SN_OK) {
        *err = products->error;
    }
    return products->status;
}
