/* SPDX-License-Identifier: BSD-3-Clause */
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
bool sn_gemm_supports(sn_backend backend);

/** SN_ERANGE when a dimension exceeds the BLAS integer.  Called once for every
 *  dimension of a model and batch, so that the products below cannot fail. */
sn_status sn_gemm_check(size_t dimension, const char *what,
                        sn_error *err) SN_MUST_CHECK;

/** A product C (m, n) = op(A) op(B), row-major.  A lies in memory as (k, m) where
 *  transpose_a, else as (m, k), its rows lda apart; B as (n, k) where transpose_b, else
 *  as (k, n), its rows ldb apart; C's rows are n apart. */
typedef struct sn_gemm_shape {
    bool transpose_a, transpose_b;
    size_t m, n, k, lda, ldb;
} sn_gemm_shape;

/** Computes C.  No aliasing. */
void sn_gemm(sn_backend backend, const sn_gemm_shape *shape, const sn_real *a,
             const sn_real *b, sn_real *c);

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
