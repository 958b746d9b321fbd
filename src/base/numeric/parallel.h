/* SPDX-License-Identifier: BSD-3-Clause */
/** Parallel loops inside a rank: OpenMP, if the build found it, else plain loops.  The
 *  iterations of a loop must be independent, so that the result has the same bits for
 *  any number of threads. */
#ifndef SHARDNET_BASE_NUMERIC_PARALLEL_H
#define SHARDNET_BASE_NUMERIC_PARALLEL_H

/** A loop over fewer elements is faster on one thread. */
#define SN_PARALLEL_ELEMENTS 65536

/* SN_PARALLEL_IF before a for loop divides its iterations among threads if condition is
 * true.  SN_PARALLEL_OR is the same for a loop whose iterations do `flag |= ...`.
 * sn_threads() is the number of threads of such a loop, sn_set_threads() sets it, and
 * sn_thread() is the index of the calling thread inside the loop, from 0. */
#ifdef _OPENMP
#include <omp.h>
#define SN_PARALLEL_PRAGMA(text) _Pragma(#text)
#define SN_PARALLEL_IF(condition)                                                      \
    SN_PARALLEL_PRAGMA(omp parallel for schedule(static) if (condition))
#define SN_PARALLEL_OR(condition, flag)                                                \
    SN_PARALLEL_PRAGMA(                                                                \
        omp parallel for schedule(static) reduction(| : flag) if (condition))
#define sn_thread()             omp_get_thread_num()
#define sn_threads()            omp_get_max_threads()
#define sn_set_threads(threads) omp_set_num_threads(threads)
#else
#define SN_PARALLEL_IF(condition)
#define SN_PARALLEL_OR(condition, flag)
#define sn_thread()             0
#define sn_threads()            1
#define sn_set_threads(threads) (void)(threads)
#endif

#endif
