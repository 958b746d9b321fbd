/* SPDX-License-Identifier: BSD-3-Clause */
/** The libraries that compute matrix products; products.h computes them.  Only this
 *  folder uses the BLAS and oneDNN.  None of these functions is collective. */
#ifndef SHARDNET_NN_PRODUCTS_GEMM_H
#define SHARDNET_NN_PRODUCTS_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "shardnet/status.h"

/** The library that computes products.  The bits of a result depend on the library, the
 *  shape, the number of threads and the kind of processor. */
typedef enum sn_backend {
    SN_BACKEND_AUTO, /* not chosen yet: see sn_gemm_choose */
    SN_BACKEND_OPENBLAS,
    SN_BACKEND_ONEDNN, /* optional in the build */
    SN_BACKENDS
} sn_backend;

/** Returns whether this build contains the library. */
bool sn_gemm_supports(sn_backend backend);

/** Returns SN_ERANGE if a dimension exceeds the BLAS integer; the message contains
 *  name.  The caller checks each dimension of network and batch once. */
sn_status sn_gemm_check(size_t dimension, const char *name,
                        sn_error *err) SN_MUST_CHECK;

/** The product C (m, n) = op(A) op(B), row-major.  A is (m, k), or (k, m) if
 *  transpose_a; lda elements separate the starts of its rows.  B is (k, n), or (n, k)
 *  if transpose_b; ldb elements separate the starts of its rows.  The rows of C are
 *  contiguous. */
typedef struct sn_gemm_shape {
    bool transpose_a, transpose_b;
    size_t m, n, k, lda, ldb;
} sn_gemm_shape;

/** Returns the faster library for layers of at most widest units, in a build with
 *  oneDNN.  Pure.
 *
 *      operands   processor       layers               library
 *      bf16       any             any                  oneDNN; OpenBLAS computes none
 *      fp32       with AVX-512    any                  oneDNN
 *      fp32       any             up to 1024 units     oneDNN
 *      any other case                                  OpenBLAS
 *
 *  README.md has the measurements.  OpenBLAS 0.3.21 uses its AVX2 kernels on AMD's
 *  processors with AVX-512, and takes 1.8 to 2.3 times as long as oneDNN.  With AVX2 in
 *  both, oneDNN is 17 % faster with 30 units, equal with 1024, 17 % slower with 4096. */
sn_backend sn_gemm_rule(bool bf16, bool avx512, size_t widest);

/** Returns the library of sn_gemm_rule on this processor, or OpenBLAS in a build
 *  without oneDNN. */
sn_backend sn_gemm_choose(bool bf16, size_t widest);

/** Checks that the limits of the process leave the address space that sn_gemm_load
 *  needs for one thread.  Errors: SN_ENOMEM. */
sn_status sn_gemm_check_space(sn_error *err) SN_MUST_CHECK;

/** Loads OpenBLAS with the number of threads that sn_gemm_set_threads has set, else
 *  that of parallel loops; later calls do nothing.  sn_workspace_init calls this
 *  function: a product, sn_gemm_limit_loops and sn_gemm_library need the library.
 *  OMP_NUM_THREADS and OPENBLAS_NUM_THREADS have other values during the call.
 *  Errors: SN_ENOMEM if the address space is limited; SN_EINTERNAL if the library is
 *  missing. */
sn_status sn_gemm_load(sn_error *err) SN_MUST_CHECK;

/** Sets the number of threads of a product, at least 1: for the process in OpenBLAS,
 *  for the calling thread in oneDNN and in parallel loops. */
void sn_gemm_set_threads(int threads);

/** Returns the largest number of threads, from 1 to threads, for which the limits of
 *  the process leave enough address space. */
int sn_gemm_affordable_threads(int threads);

/** Limits parallel loops to one thread if OpenBLAS has its own threads: OpenMP threads
 *  spin while they wait, and so take cores from the products.  The function has no
 *  effect if OpenBLAS uses OpenMP, with oneDNN, or if OMP_WAIT_POLICY is passive. */
void sn_gemm_limit_loops(sn_backend backend);

/** Returns name, version and kernel of the library, for the first lines of a run.  fp32
 *  products of equal names have equal bits. */
const char *sn_gemm_library(sn_backend backend);

#endif
