/* SPDX-License-Identifier: BSD-3-Clause */
/** The floating-point type of nn: float, or double in the separate build of nn for the
 *  gradient check (SHARDNET_REAL_DOUBLE). */
#ifndef SHARDNET_BASE_NUMERIC_REAL_H
#define SHARDNET_BASE_NUMERIC_REAL_H

#ifdef SHARDNET_REAL_DOUBLE
typedef double sn_real;
#else
typedef float sn_real;
#endif

/* SN_HOT begins the definition of a static function.  The compiler translates it for
 * several instruction sets, and the dynamic loader selects one of them.  Clang 14 makes
 * symbols from the name, which must be unique among these functions.  Sanitizer builds
 * cannot use this: the selection runs before the sanitizer starts. */
#if defined(__x86_64__) && defined(__linux__) && defined(__has_attribute) &&           \
    !defined(SHARDNET_SANITIZED)
#if __has_attribute(target_clones)
#define SN_HOT __attribute__((target_clones("avx512f", "avx2", "default"))) static
#endif
#endif
#ifndef SN_HOT
#define SN_HOT static
#endif

#endif
