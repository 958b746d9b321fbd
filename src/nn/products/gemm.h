/** Matrix products, row-major.  The only interface to the BLAS and to oneDNN. */
#ifndef SHARDNET_NN_PRODUCTS_GEMM_H
#define SHARDNET_NN_PRODUCTS_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/real.h"
#include "shardnet/status.h"

/** The library that computes products.  The same library, shapes and number of threads
 *  give the same bits on the same kind of processor; another library rounds otherwise.
 */
typedef enum sn_backend {
    SN_BACKEND_AUTO, /* not chosen yet; computes as OpenBLAS */
    SN_BACKEND_OPENBLAS,
    SN_BACKEND_ONEDNN, /* faster in small products; where the build found it */
    SN_BACKENDS
} sn_backend;

/** Can this build and processor compute with it? */
bool sn_gemm_has(sn_backend backend);

/** SN_ERANGE when a dimension exceeds the BLAS integer.  Called once for every
 *  dimension of a model and batch, so that the products below cannot fail. */
sn_status sn_gemm_check(size_t dimension, const char *what,
                        sn_error *err) SN_MUST_CHECK;

/** C (m, n) = A (m, k) Bt, B (n, k).  No aliasing. */
void sn_gemm_nt(sn_backend backend, size_t m, size_t n, size_t k, const sn_real *a,
                const sn_real *b, sn_real *c);

/** C (m, n) = A (m, k) B (k, n).  No aliasing. */
void sn_gemm_nn(sn_backend backend, size_t m, size_t n, size_t k, const sn_real *a,
                const sn_real *b, sn_real *c);

/** C (m, n) = At B, A (k, m), B (k, n).  No aliasing.  lda >= m is the length of A's
 * rows in memory, so that A may be some columns of a wider matrix. */
void sn_gemm_tn(sn_backend backend, size_t m, size_t n, size_t k, const sn_real *a,
                size_t lda, const sn_real *b, sn_real *c);

/** Threads that each product may use, at least 1.  Process-wide in OpenBLAS, of the
 *  calling thread in oneDNN. */
void sn_gemm_set_threads(int threads);

/** Keeps loops to one thread where OpenBLAS has threads of its own: OpenMP's threads
 *  spin while they wait and take the cores away from the products.  No effect where
 *  OpenBLAS uses OpenMP itself, with oneDNN, and under OMP_WAIT_POLICY=passive. */
void sn_gemm_limit_loops(sn_backend backend);

/** Name, version and kernel of the library, for the first lines of a run. */
const char *sn_gemm_library(sn_backend backend);

#endif
