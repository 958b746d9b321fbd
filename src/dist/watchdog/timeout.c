/* SPDX-License-Identifier: BSD-3-Clause */
#include "dist/watchdog/timeout.h"

#include <math.h>

sn_timeout sn_timeout_of(double seconds)
{
    return seconds < 0
               ? (sn_timeout){.least = 30, .unmeasured = 300, .multiple = 10}
               : (sn_timeout){.least = seconds, .unmeasured = seconds, .multiple = 0};
}

void sn_timeout_measure(sn_timeout *timeout, bool steady, double seconds)
{
    double *longest = steady ? &timeout->longest_steady : &timeout->longest;
    *longest = fmax(*longest, seconds);
}

double sn_timeout_seconds(const sn_timeout *timeout, bool steady, int64_t updates)
{
    const double longest = steady ? timeout->longest_steady : timeout->longest;
    return fmax(steady && updates >= 2 ? timeout->least : timeout->unmeasured,
                timeout->multiple * longest);
}
