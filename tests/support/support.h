/* SPDX-License-Identifier: BSD-3-Clause */
/** Common header of the unit tests: cmocka, the headers that it requires, and a signed
 *  comparison of numbers. */
#ifndef SHARDNET_TESTS_SUPPORT_H
#define SHARDNET_TESTS_SUPPORT_H

/* cmocka.h requires these headers before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

/** Returns |a - b| divided by the largest of |a|, |b| and floor. */
static inline double relative_difference(double a, double b, double floor)
{
    double scale = fmax(fmax(fabs(a), fabs(b)), floor);
    return fabs(a - b) / scale;
}

#endif
