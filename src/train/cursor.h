/* SPDX-License-Identifier: BSD-3-Clause */
/** Where training stands, and what follows from that alone. */
#ifndef SHARDNET_TRAIN_CURSOR_H
#define SHARDNET_TRAIN_CURSOR_H

#include "config/config.h"
#include "data/sampler.h"
#include "nn/schedule.h"
#include "store/checkpoint/checkpoint.h"

typedef struct sn_cursor {
    sn_position position; /* what a checkpoint saves */
    sn_sampler sampler;   /* order of the samples of the epoch position.epoch */
    double epoch_rate;    /* learning rate of that epoch */
    sn_schedule schedule;
    uint64_t samples, batch; /* of the training set, of a step over all ranks */
    int64_t steps_per_epoch;
} sn_cursor;

/** The cursor at the start of a run over samples training samples.  Call
 *  sn_cursor_open_epoch before the first step.  Pure. */
sn_cursor sn_cursor_start(const sn_config *config, uint64_t samples);

/** Draws the order of the samples and finds the rate of the epoch position.epoch. */
void sn_cursor_open_epoch(sn_cursor *cursor);

/** Positions, in the epoch's order, of the next step's global batch. */
sn_range sn_cursor_batch(const sn_cursor *cursor);

/** Learning rate of the next update. */
double sn_cursor_rate(const sn_cursor *cursor);

/** Moves behind an update over count samples with this rate. */
void sn_cursor_advance(sn_cursor *cursor, double rate, double loss_sum, int64_t correct,
                       int64_t count, double seconds);

/** Moves to the start of the next epoch; the running sums become zero. */
void sn_cursor_close_epoch(sn_cursor *cursor);

/** Notes the validation error of the epoch just closed; true where it is the least so
 *  far, false for NAN. */
bool sn_cursor_note_error(sn_cursor *cursor, double error);

#endif
