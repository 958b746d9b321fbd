/* SPDX-License-Identifier: BSD-3-Clause */
/** One training step, as train and bench run it. */
#ifndef SHARDNET_TRAIN_STEP_H
#define SHARDNET_TRAIN_STEP_H

#include "data/dataset.h"
#include "dist/reduce/reduction.h"
#include "train/context.h"
#include "train/cursor.h"
#include "train/profile.h"
#include "train/replica.h"

/** What this rank asks of all ranks. */
typedef struct sn_requests {
    bool stop, checkpoint;
} sn_requests;

/** Returns what this rank asks for.  A step calls it after the gradient of each piece;
 *  now is the clock of base/clock.h. */
typedef sn_requests sn_step_poll(void *user, double now);

/** What a step did; the same on every rank but for seconds and profile. */
typedef struct sn_step_result {
    double loss_sum; /* over the global batch, before the update */
    int64_t correct, count;
    double rate;          /* learning rate of the update */
    sn_requests requests; /* what any rank asked for */
    double seconds;
    sn_profile profile; /* where they went on this rank */
} sn_step_result;

/** The gradient of this rank's pieces of the global batch, one reduction over all
 *  ranks, one update; the cursor moves on.  train is the training set; poll may be
 *  NULL.  Allocates nothing itself (products in bf16: see nn/products/gemm_bf16.h),
 *  writes no file, prints nothing.  Collective; the same status on all ranks.
 *  SN_EDIVERGED with the place of the first non-finite number; SN_EMPI; what the
 *  products in bf16 fail with. */
sn_status sn_step_run(const sn_context *context, const sn_split *train,
                      sn_replica *replica, sn_reduction *reduction, sn_cursor *cursor,
                      sn_step_poll *poll, void *user, sn_step_result *result,
                      sn_error *err) SN_MUST_CHECK;

#endif
