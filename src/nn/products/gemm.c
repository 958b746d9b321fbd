/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/products/gemm.h"

#include <limits.h>
#include <stdlib.h>
#include <strings.h>

#if defined(SHARDNET_ONEDNN) && !defined(SHARDNET_REAL_DOUBLE)
#define HAS_ONEDNN 1
#include <dnnl.h>
#else
#define HAS_ONEDNN 0
#endif

#include "base/numeric/parallel.h"
#include "nn/products/gemm_openblas.h"

/* The number of threads that the last sn_gemm_set_threads gave, 0: none. */
static int chosen_threads;

bool sn_gemm_supports(sn_backend backend)
{
    return backend != SN_BACKEND_ONEDNN || HAS_ONEDNN;
}

sn_backend sn_gemm_rule(bool bf16, bool avx512, size_t widest)
{
    enum { NARROW = 1024 };
    return bf16 || avx512 || widest <= NARROW ? SN_BACKEND_ONEDNN : SN_BACKEND_OPENBLAS;
}

#if HAS_ONEDNN
/* Returns true if oneDNN uses all these instructions; the values are sets of bits. */
static bool has_instructions(dnnl_cpu_isa_t isa)
{
    return ((unsigned)dnnl_get_effective_cpu_isa() & (unsigned)isa) == (unsigned)isa;
}
#endif

sn_backend sn_gemm_choose(bool bf16, size_t widest)
{
#if HAS_ONEDNN
    return sn_gemm_rule(bf16, has_instructions(dnnl_cpu_isa_avx512_core), widest);
#else
    (void)bf16, (void)widest;
    return SN_BACKEND_OPENBLAS;
#endif
}

sn_status sn_gemm_check(size_t dimension, const char *name, sn_error *err)
{
    if (dimension > INT_MAX) {
        return sn_fail(err, SN_ERANGE, "%s %zu exceeds the BLAS integer (%d)", name,
                       dimension, INT_MAX);
    }
    return SN_OK;
}

sn_status sn_gemm_check_space(sn_error *err)
{
    return sn_openblas_check_space(1, err);
}

sn_status sn_gemm_load(sn_error *err)
{
    return sn_openblas_load(chosen_threads > 0 ? chosen_threads : sn_threads(), err);
}

void sn_gemm_set_threads(int threads)
{
    chosen_threads = threads;
    sn_openblas_set_threads(threads);
    sn_set_threads(threads);
}

int sn_gemm_affordable_threads(int threads)
{
    return sn_openblas_affordable(threads);
}

void sn_gemm_limit_loops(sn_backend backend)
{
    enum { OWN_THREADS = 1 }; /* a value of openblas_get_parallel() */
    const char *policy = getenv("OMP_WAIT_POLICY");
    const bool sleep = policy != NULL && strcasecmp(policy, "passive") == 0;
    if (backend != SN_BACKEND_ONEDNN &&
        sn_openblas_functions()->get_parallel() == OWN_THREADS && !sleep) {
        sn_set_threads(1);
    }
}

const char *sn_gemm_library(sn_backend backend)
{
#if HAS_ONEDNN
#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)
#define VERSION                                                                        \
    "oneDNN " TEXT(DNNL_VERSION_MAJOR) "." TEXT(DNNL_VERSION_MINOR) "." TEXT(          \
        DNNL_VERSION_PATCH)
    if (backend == SN_BACKEND_ONEDNN) {
        return has_instructions(dnnl_cpu_isa_avx512_core) ? VERSION " AVX-512"
               : has_instructions(dnnl_cpu_isa_avx2)      ? VERSION " AVX2"
                                                          : VERSION;
    }
#endif
    (void)backend;
    return sn_openblas_functions()->get_config();
}
