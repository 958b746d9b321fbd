/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/system/clock.h"

#include <time.h>

static double read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double sn_clock_seconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double sn_clock_thread_seconds(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void sn_clock_utc_text(char text[SN_UTC_TEXT_BYTES])
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    (void)strftime(text, SN_UTC_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
