/* SPDX-License-Identifier: BSD-3-Clause */
/** Learning-rate schedules: the rate is a pure function of epoch and step. */
#ifndef SHARDNET_NN_SCHEDULE_H
#define SHARDNET_NN_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum sn_schedule_kind {
    SN_SCHEDULE_CONSTANT,
    SN_SCHEDULE_INVERSE, /* rate(i) = rate(i-1) / (1 + decay i): the article's code */
    SN_SCHEDULE_STEP,    /* rate decay^floor(i / decay_every) */
    /* In the next kinds, t = finished steps / all steps of the run. */
    SN_SCHEDULE_COSINE, /* rate (1 + cos(pi t)) / 2: Loshchilov, Hutter 2017 */
    SN_SCHEDULE_LINEAR, /* rate (1 - t) */
    SN_SCHEDULE_WARMUP_STABLE_DECAY /* rate min(1, (1 - t) / decay_fraction): Hu et al.
                                       2024, MiniCPM, with a linear decay */
} sn_schedule_kind;

typedef struct sn_schedule {
    sn_schedule_kind kind;
    double rate;           /* initial rate */
    double decay;          /* used by SN_SCHEDULE_INVERSE and SN_SCHEDULE_STEP */
    int64_t decay_every;   /* epochs; used by SN_SCHEDULE_STEP */
    int64_t epochs;        /* length of the run, for the kinds that use t */
    double warmup_epochs;  /* the rate grows linearly from 0 (Goyal et al. 2017) */
    double decay_fraction; /* above 0; used by SN_SCHEDULE_WARMUP_STABLE_DECAY */
} sn_schedule;

/** Returns true if the rates depend on the length of the run.  Pure. */
bool sn_schedule_uses_length(sn_schedule_kind kind);

/** Returns the rate of an epoch (from 0) without warm-up and the factors that depend on
 *  t, in O(epoch). */
double sn_schedule_epoch_rate(const sn_schedule *schedule, int64_t epoch);

/** Returns the rate of one update: epoch_rate, the result of sn_schedule_epoch_rate,
 *  times the factors of t and of warm-up.  step_in_epoch counts from 0. */
double sn_schedule_step_rate(const sn_schedule *schedule, double epoch_rate,
                             int64_t epoch, int64_t step_in_epoch,
                             int64_t steps_per_epoch);

#endif
