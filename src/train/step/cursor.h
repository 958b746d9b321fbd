/* SPDX-License-Identifier: BSD-3-Clause */
/** The cursor: the position of training, and the values that follow from the position
 *  and the configuration.  No function is collective. */
#ifndef SHARDNET_TRAIN_STEP_CURSOR_H
#define SHARDNET_TRAIN_STEP_CURSOR_H

#include "config/config.h"
#include "data/sampler.h"
#include "nn/schedule.h"
#include "store/checkpoint/checkpoint.h"

typedef struct sn_cursor {
    sn_position position; /* epoch, step and running sums; a checkpoint saves them */
    sn_sampler sampler;   /* order of the samples in the epoch position.epoch */
    double epoch_rate;    /* learning rate of that epoch */
    sn_schedule schedule;
    uint64_t samples; /* number of training samples */
    uint64_t batch;   /* samples per step over all ranks */
    int64_t steps_per_epoch;
} sn_cursor;

/** Returns the cursor at the start of a run with this number of training samples.  Call
 *  sn_cursor_open_epoch before the first step.  Pure. */
sn_cursor sn_cursor_start(const sn_config *config, uint64_t samples);

/** Sets the order of the samples and the learning rate of the epoch position.epoch. */
void sn_cursor_open_epoch(sn_cursor *cursor);

/** Returns the range of the next step's batch in the order of the epoch. */
sn_range sn_cursor_batch(const sn_cursor *cursor);

/** Returns the learning rate of the next update. */
double sn_cursor_rate(const sn_cursor *cursor);

/** Advances the position by one update over count samples at this learning rate, and
 *  adds the other values to the running sums. */
void sn_cursor_advance(sn_cursor *cursor, double rate, double loss_sum, int64_t correct,
                       int64_t count, double seconds);

/** Advances the position to the start of the next epoch and resets the running sums. */
void sn_cursor_close_epoch(sn_cursor *cursor);

/** Records the validation error of the epoch just closed.  Returns true if it is the
 *  least error so far, false for NAN. */
bool sn_cursor_record_error(sn_cursor *cursor, double error);

#endif
