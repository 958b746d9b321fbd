/* SPDX-License-Identifier: BSD-3-Clause */
/** The floating-point type of nn: float, or double in the separate build of nn for the
 *  gradient check (SHARDNET_REAL_DOUBLE). */
#ifndef SHARDNET_BASE_REAL_H
#define SHARDNET_BASE_REAL_H

#ifdef SHARDNET_REAL_DOUBLE
typedef double sn_real;
#else
typedef float sn_real;
#endif

/* The compiler translates a hot loop for several instruction sets, and the dynamic
 * loader selects one of them.  Sanitizer builds cannot use this: the selection runs
 * before the sanitizer starts. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) &&                  \
    !defined(__clang__) && !defined(SHARDNET_SANITIZED)
#define SN_HOT __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SN_HOT
#endif

#endif
