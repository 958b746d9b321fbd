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
#include <stdbool.h>
#include <unistd.h>

/** Returns |a - b| divided by the largest of |a|, |b| and floor. */
static inline double relative_difference(double a, double b, double floor)
{
    double scale = fmax(fmax(fabs(a), fabs(b)), floor);
    return fabs(a - b) / scale;
}

/** Lets the permissions of files bind root as they bind another user, or ends that. */
static inline void obey_permissions(bool obey)
{
    enum { NOBODY = 65534 };
    if (getuid() == 0) {
        assert_int_equal(seteuid(obey ? NOBODY : 0), 0);
    }
}

#endif
