/* SPDX-License-Identifier: BSD-3-Clause */
/** One training step, which train and bench run. */
#ifndef SHARDNET_TRAIN_STEP_STEP_H
#define SHARDNET_TRAIN_STEP_STEP_H

#include "data/dataset.h"
#include "dist/reduce/reduction.h"
#include "train/step/context.h"
#include "train/step/cursor.h"
#include "train/step/profile.h"
#include "train/step/replica.h"

/** Requests of a rank to all ranks. */
typedef struct sn_requests {
    bool stop, checkpoint, files; /* files: write files at the end of an epoch */
} sn_requests;

/** Returns the requests of this rank.  The step calls it after the gradient of each
 *  microbatch; now is the clock of base/system/clock.h. */
typedef sn_requests sn_step_poll(void *user, double now);

/** The result of a step, the same on every rank except seconds and profile. */
typedef struct sn_step_result {
    double loss_sum; /* sum of the losses of the batch, before the update */
    int64_t correct; /* number of samples classified correctly, before the update */
    int64_t count;   /* number of samples in the batch */
    double rate;     /* learning rate of the update */
    sn_requests requests; /* requests of any rank */
    double seconds;       /* duration of the step on this rank */
    sn_profile profile;   /* the parts of seconds */
} sn_step_result;

/** Runs one step: the gradients of this rank's microbatches, one reduction over all
 *  ranks, one update; then advances the cursor.  train is the training set; poll may be
 *  NULL.  The step allocates nothing itself (products by oneDNN: see
 *  nn/products/products.h), writes no file and prints nothing.  Collective; the same
 *  status on all ranks.
 *  Errors: SN_EDIVERGED, with the place of the first non-finite number; SN_EMPI; the
 *  errors of products. */
sn_status sn_step_run(const sn_context *context, const sn_split *train,
                      sn_replica *replica, sn_reduction *reduction, sn_cursor *cursor,
                      sn_step_poll *poll, void *user, sn_step_result *result,
                      sn_error *err) SN_MUST_CHECK;

#endif
