/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/deadline.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

static double seconds_left(void)
{
    const char *text = getenv("SHARDNET_END_TIME");
    if (text == NULL) {
        text = getenv("SLURM_JOB_END_TIME");
    }
    if (text == NULL || *text == '\0') {
        return INFINITY;
    }
    char *rest;
    const long long end = strtoll(text, &rest, 10);
    const double left = (double)end - (double)time(NULL);
    return *rest == '\0' && left > 0 ? left : INFINITY;
}

sn_deadline sn_deadline_start(double started)
{
    sn_deadline deadline = {.started = started, .job_seconds = seconds_left()};
    sn_deadline_update(&deadline, 0);
    return deadline;
}

void sn_deadline_update(sn_deadline *deadline, double longest_write_seconds)
{
    const double end = longest_write_seconds + deadline->longest_evaluation_seconds;
    const double margin = fmin(fmax(30, 3 * end), 0.5 * deadline->job_seconds);
    deadline->stop_seconds = deadline->job_seconds - margin;
}

sn_limit sn_deadline_passed(const sn_deadline *deadline, double max_minutes, double now)
{
    const double seconds = now - deadline->started;
    if (seconds >= deadline->stop_seconds) {
        return SN_LIMIT_JOB;
    }
    return max_minutes > 0 && seconds >= 60 * max_minutes ? SN_LIMIT_MINUTES
                                                          : SN_LIMIT_NONE;
}
