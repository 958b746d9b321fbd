#include "shardnet/gemm.h"

#include <cblas.h>
#include <limits.h>
#include <stdio.h>

#ifdef SHARDNET_REAL_DOUBLE
#define CBLAS_GEMM cblas_dgemm
#else
#define CBLAS_GEMM cblas_sgemm
#endif

sn_status sn_gemm_check(size_t dimension, const char *what, sn_error *err)
{
    if (dimension > INT_MAX) {
        return sn_fail(err, SN_ERANGE, "%s %zu exceeds the BLAS integer (%d)", what,
                       dimension, INT_MAX);
    }
    return SN_OK;
}

static void product(CBLAS_TRANSPOSE transpose_a, CBLAS_TRANSPOSE transpose_b, size_t m,
                    size_t n, size_t k, const sn_real *a, size_t lda, const sn_real *b,
                    size_t ldb, sn_real *c)
{
    CBLAS_GEMM(CblasRowMajor, transpose_a, transpose_b, (int)m, (int)n, (int)k, 1, a,
               (int)lda, b, (int)ldb, 0, c, (int)n);
}

void sn_gemm_nt(size_t m, size_t n, size_t k, const sn_real *a, const sn_real *b,
                sn_real *c)
{
    product(CblasNoTrans, CblasTrans, m, n, k, a, k, b, k, c);
}

void sn_gemm_nn(size_t m, size_t n, size_t k, const sn_real *a, const sn_real *b,
                sn_real *c)
{
    product(CblasNoTrans, CblasNoTrans, m, n, k, a, k, b, n, c);
}

void sn_gemm_tn(size_t m, size_t n, size_t k, const sn_real *a, const sn_real *b,
                sn_real *c)
{
    product(CblasTrans, CblasNoTrans, m, n, k, a, m, b, n, c);
}

void sn_gemm_set_threads(int threads)
{
    openblas_set_num_threads(threads);
}

const char *sn_gemm_library(void)
{
    return openblas_get_config();
}
