/** The end of the job that a batch system has set (internal to train). */
#ifndef SHARDNET_TRAIN_DEADLINE_H
#define SHARDNET_TRAIN_DEADLINE_H

/** Seconds until the end that SLURM_JOB_END_TIME (seconds since 1970) tells; INFINITY
 *  where it is absent, no number or in the past. */
double sn_deadline_seconds_left(void);

/** How many seconds before the end training stops: 30, or three times what an epoch's
 *  end takes, the longest evaluation and the longest checkpoint so far, but at most
 * half of seconds_left, what was left when it began; 0 without an end.  Pure. */
double sn_deadline_margin(double seconds_left, double end_seconds);

#endif
