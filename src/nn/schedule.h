/* SPDX-License-Identifier: BSD-3-Clause */
/** Learning-rate schedules: a pure function of epoch and step. */
#ifndef SHARDNET_NN_SCHEDULE_H
#define SHARDNET_NN_SCHEDULE_H

#include <stdint.h>

typedef enum sn_schedule_kind {
    SN_SCHEDULE_CONSTANT,
    SN_SCHEDULE_INVERSE, /* rate(i) = rate(i-1) / (1 + decay i), cumulative: the article
                          */
    SN_SCHEDULE_STEP,    /* rate * decay^floor(i / decay_every) */
    SN_SCHEDULE_COSINE   /* rate (1 + cos(pi t)) / 2, t = part of the run that is done:
                            Loshchilov, Hutter 2017 */
} sn_schedule_kind;

typedef struct sn_schedule {
    sn_schedule_kind kind;
    double rate; /* at the start, after warm-up */
    double decay;
    int64_t decay_every;  /* epochs, for SN_SCHEDULE_STEP */
    int64_t epochs;       /* of the run, for SN_SCHEDULE_COSINE */
    double warmup_epochs; /* linear from 0 (Goyal et al. 2017) */
} sn_schedule;

/** Rate of an epoch (from 0) without warm-up and cosine.  O(epoch). */
double sn_schedule_epoch_rate(const sn_schedule *schedule, int64_t epoch);

/** Rate of one update: epoch_rate with warm-up and cosine applied.  step_in_epoch
 * counts from 0. */
double sn_schedule_step_rate(const sn_schedule *schedule, double epoch_rate,
                             int64_t epoch, int64_t step_in_epoch,
                             int64_t steps_per_epoch);

#endif
