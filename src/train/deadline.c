#include "train/deadline.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

double sn_deadline_seconds_left(void)
{
    const char *text = getenv("SLURM_JOB_END_TIME");
    if (text == NULL || *text == '\0') {
        return INFINITY;
    }
    char *rest;
    const long long end = strtoll(text, &rest, 10);
    const double left = (double)end - (double)time(NULL);
    return *rest == '\0' && left > 0 ? left : INFINITY;
}

double sn_deadline_margin(double seconds_left, double end_seconds)
{
    return isinf(seconds_left) ? 0
                               : fmin(fmax(30, 3 * end_seconds), 0.5 * seconds_left);
}
