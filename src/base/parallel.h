/** Threads inside a rank, by OpenMP where the build has it.  What runs in parallel is
 *  cut so that the result has the same bits on any number of threads. */
#ifndef SHARDNET_BASE_PARALLEL_H
#define SHARDNET_BASE_PARALLEL_H

#ifdef _OPENMP
#include <omp.h>
#endif

/** Elements that are worth waking other threads for. */
#define SN_PARALLEL_ELEMENTS 65536

/** Before a for loop: shares its iterations out where condition holds. */
#ifdef _OPENMP
#define SN_PARALLEL_PRAGMA(text) _Pragma(#text)
#define SN_PARALLEL_IF(condition)                                                      \
    SN_PARALLEL_PRAGMA(omp parallel for schedule(static) if (condition))
#else
#define SN_PARALLEL_IF(condition)
#endif

/** The same where the iterations gather flags with flag |= ... */
#ifdef _OPENMP
#define SN_PARALLEL_OR(condition, flag)                                                \
    SN_PARALLEL_PRAGMA(                                                                \
        omp parallel for schedule(static) reduction(| : flag) if (condition))
#else
#define SN_PARALLEL_OR(condition, flag)
#endif

/** Number of the calling thread within its loop: 0 up to sn_threads() - 1. */
static inline int sn_thread(void)
{
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

/** Threads that a loop of the calling thread is shared out to. */
static inline int sn_threads(void)
{
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

/** Sets that number. */
static inline void sn_set_threads(int threads)
{
#ifdef _OPENMP
    omp_set_num_threads(threads);
#else
    (void)threads;
#endif
}

#endif
