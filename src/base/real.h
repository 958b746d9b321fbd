/* SPDX-License-Identifier: BSD-3-Clause */
/** The floating-point type of the numerics: float; double in the build of nn that the
 *  gradient check uses (SHARDNET_REAL_DOUBLE). */
#ifndef SHARDNET_BASE_REAL_H
#define SHARDNET_BASE_REAL_H

#ifdef SHARDNET_REAL_DOUBLE
typedef double sn_real;
#else
typedef float sn_real;
#endif

/* Hot loops are compiled for several instruction sets; the loader picks one.  Sanitizer
 * builds leave it out, since the resolver runs before their start-up. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) &&                  \
    !defined(__clang__) && !defined(SHARDNET_SANITIZED)
#define SN_HOT __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SN_HOT
#endif

#endif
