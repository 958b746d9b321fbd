/** Matrix products, row-major.  The only interface to the BLAS. */
#ifndef SHARDNET_GEMM_H
#define SHARDNET_GEMM_H

#include <stddef.h>

#include "shardnet/real.h"
#include "shardnet/status.h"

/** SN_ERANGE when a dimension exceeds the BLAS integer.  Called once for every
 *  dimension of a model and batch, so that the products below cannot fail. */
sn_status sn_gemm_check(size_t dimension, const char *what,
                        sn_error *err) SN_MUST_CHECK;

/** C (m, n) = A (m, k) Bt, B (n, k).  No aliasing. */
void sn_gemm_nt(size_t m, size_t n, size_t k, const sn_real *a, const sn_real *b,
                sn_real *c);

/** C (m, n) = A (m, k) B (k, n).  No aliasing. */
void sn_gemm_nn(size_t m, size_t n, size_t k, const sn_real *a, const sn_real *b,
                sn_real *c);

/** C (m, n) = At B, A (k, m), B (k, n).  No aliasing. */
void sn_gemm_tn(size_t m, size_t n, size_t k, const sn_real *a, const sn_real *b,
                sn_real *c);

/** Threads that each product may use, at least 1.  Process-wide in the BLAS. */
void sn_gemm_set_threads(int threads);

/** Name, version and kernel of the BLAS, for the first lines of a run. */
const char *sn_gemm_library(void);

#endif
