#include "base/clock.h"

#include <time.h>

double sn_clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void sn_clock_utc_text(char text[SN_UTC_TEXT_BYTES])
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(text, SN_UTC_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
