/* SPDX-License-Identifier: BSD-3-Clause */
/** OpenBLAS, which the first workspace loads (internal to nn/products).  Its start
 *  creates threads, takes 128 MiB of address space for each, and never ends if a limit
 *  does not allow this.  So commands without products do not load it, and the others
 *  check the limit first.  None of these functions is collective. */
#ifndef SHARDNET_NN_PRODUCTS_GEMM_OPENBLAS_H
#define SHARDNET_NN_PRODUCTS_GEMM_OPENBLAS_H

#include <cblas.h>

#include "shardnet/status.h"

#ifdef SHARDNET_REAL_DOUBLE
#define SN_CBLAS_GEMM cblas_dgemm
#else
#define SN_CBLAS_GEMM cblas_sgemm
#endif

/** The functions of the library. */
typedef struct sn_openblas {
    __typeof__(SN_CBLAS_GEMM) *gemm;
    __typeof__(openblas_get_parallel) *get_parallel;
    __typeof__(openblas_get_config) *get_config;
} sn_openblas;

/** Returns the largest number of threads, from 1 to threads, that needs no more than
 *  half of the address space that the limits of the process leave. */
int sn_openblas_affordable(int threads);

/** Checks that the limits of the process leave the address space for this number of
 *  threads.  Errors: SN_ENOMEM. */
sn_status sn_openblas_check_space(int threads, sn_error *err) SN_MUST_CHECK;

/** Loads the library with this number of threads, at least 1, unless it is loaded.
 *  OMP_NUM_THREADS and OPENBLAS_NUM_THREADS have this value during the call.  Errors:
 *  SN_ENOMEM, SN_EINTERNAL. */
sn_status sn_openblas_load(int threads, sn_error *err) SN_MUST_CHECK;

/** Sets the number of threads of the loaded library.  A number that needs more address
 *  space than the limit of the process leaves changes nothing. */
void sn_openblas_set_threads(int threads);

/** Returns the functions, or NULL if the library is not loaded. */
const sn_openblas *sn_openblas_functions(void);

#endif
