/** When training must stop so that its batch job ends with a checkpoint. */
#ifndef SHARDNET_TRAIN_DEADLINE_H
#define SHARDNET_TRAIN_DEADLINE_H

#include <stdbool.h>

/** Seconds until the end that SLURM_JOB_END_TIME (seconds since 1970) gives; INFINITY
 *  where it is absent, no number or in the past. */
double sn_deadline_seconds_left(void);

/** How many seconds before the end training stops: 30, or three times what an epoch's
 *  end takes, the longest evaluation and the longest checkpoint so far, but at most
 *  half of seconds_left, what was left when training began; 0 without an end.  Pure. */
double sn_deadline_margin(double seconds_left, double end_seconds);

/** Seconds count from started, the clock of base/clock.h. */
typedef struct sn_deadline {
    double started;
    double job_seconds;  /* end of the batch job, INFINITY for none */
    double stop_seconds; /* end of training */
    double longest_evaluation_seconds;
} sn_deadline;

sn_deadline sn_deadline_start(double started);

/** Recomputes stop_seconds after an evaluation or a write; longest_write_seconds is that
 *  of the longest write so far. */
void sn_deadline_update(sn_deadline *deadline, double longest_write_seconds);

/** True when the job is near its end, or max_minutes (0 for none) are over. */
bool sn_deadline_has_passed(const sn_deadline *deadline, double max_minutes,
                            double now);

#endif
