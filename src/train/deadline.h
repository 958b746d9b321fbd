/* SPDX-License-Identifier: BSD-3-Clause */
/** When training must stop so that its batch job ends with a checkpoint. */
#ifndef SHARDNET_TRAIN_DEADLINE_H
#define SHARDNET_TRAIN_DEADLINE_H

#include <stdbool.h>

/** Seconds count from started, the clock of base/clock.h. */
typedef struct sn_deadline {
    double started;
    double job_seconds;  /* end of the batch job, INFINITY for none */
    double stop_seconds; /* end of training */
    double longest_evaluation_seconds;
} sn_deadline;

/** The end of the job is that of SLURM_JOB_END_TIME (seconds since 1970); there is none
 *  where that is absent, no number or in the past. */
sn_deadline sn_deadline_start(double started);

/** Recomputes stop_seconds after an evaluation or a write; longest_write_seconds is
 *  that of the longest write so far.  Training stops 30 seconds before the end of the
 *  job, or three times what an epoch's end takes, the longest evaluation and the
 *  longest write, but at most half of job_seconds. */
void sn_deadline_update(sn_deadline *deadline, double longest_write_seconds);

/** True when the job is near its end, or max_minutes (0 for none) are over. */
bool sn_deadline_has_passed(const sn_deadline *deadline, double max_minutes,
                            double now);

#endif
