/* SPDX-License-Identifier: BSD-3-Clause */
/** The stop deadline: training must stop early enough to write a checkpoint before its
 *  batch job ends.  No function is collective. */
#ifndef SHARDNET_TRAIN_DEADLINE_H
#define SHARDNET_TRAIN_DEADLINE_H

/** Times are seconds since started. */
typedef struct sn_deadline {
    double started;                    /* clock of base/system/clock.h */
    double job_seconds;                /* end of the batch job, INFINITY if unknown */
    double stop_seconds;               /* end of training, INFINITY if unknown */
    double longest_evaluation_seconds; /* duration */
} sn_deadline;

/** Returns the deadline of a process that started at this clock.  The job ends at
 *  SHARDNET_END_TIME, else SLURM_JOB_END_TIME (seconds since 1970); job_seconds is
 *  INFINITY if both are absent, or the time is not a number or in the past. */
sn_deadline sn_deadline_start(double started);

/** Recomputes stop_seconds after an evaluation or a write.  longest_write_seconds is
 *  the duration of the longest write so far.  Training stops before the end of the job
 *  by 30 seconds, or by three times the longest evaluation and write together if that
 *  is longer, but at most by half of job_seconds. */
void sn_deadline_update(sn_deadline *deadline, double longest_write_seconds);

/** The limits of time. */
typedef enum sn_limit {
    SN_LIMIT_NONE,
    SN_LIMIT_JOB,    /* stop_seconds */
    SN_LIMIT_MINUTES /* train.max_minutes */
} sn_limit;

/** Returns the limit that has passed.  max_minutes since started; 0: no limit. */
sn_limit sn_deadline_passed(const sn_deadline *deadline, double max_minutes,
                            double now);

#endif
