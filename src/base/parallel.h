/* SPDX-License-Identifier: BSD-3-Clause */
/** Threads inside a rank, by OpenMP where the build has it.  What runs in parallel is
 *  cut so that the result has the same bits on any number of threads. */
#ifndef SHARDNET_BASE_PARALLEL_H
#define SHARDNET_BASE_PARALLEL_H

/** Elements that are worth waking other threads for. */
#define SN_PARALLEL_ELEMENTS 65536

/* SN_PARALLEL_IF stands before a for loop and shares its iterations out where
 * condition holds; SN_PARALLEL_OR does so where the iterations gather flags with flag
 * |= ... sn_thread: the number of the calling thread within its loop, 0 up to
 * sn_threads() - 1. sn_threads: the threads that a loop of the calling thread is
 * shared out to. */
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
