/* SPDX-License-Identifier: BSD-3-Clause */
/** What unit tests share: cmocka and its prerequisites, scratch folders. */
#ifndef SHARDNET_TESTS_SUPPORT_H
#define SHARDNET_TESTS_SUPPORT_H

/* cmocka.h needs these first */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

/** |a - b| relative to the larger of |a|, |b| and floor. */
static inline double relative_difference(double a, double b, double floor)
{
    double scale = fmax(fmax(fabs(a), fabs(b)), floor);
    return fabs(a - b) / scale;
}

#endif
