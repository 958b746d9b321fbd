/* SPDX-License-Identifier: BSD-3-Clause */
/** The measurements of an epoch: its rows for metrics.h5. */
#ifndef SHARDNET_TRAIN_EPOCH_H
#define SHARDNET_TRAIN_EPOCH_H

#include "eval/evaluate.h"
#include "store/metrics/metrics.h"
#include "train/step/engine.h"

/** Returns the row of the epoch whose last step is done; the cursor is still in this
 *  epoch.  profile has the times since its start.  samples_per_second does not count
 *  the samples_before, which an earlier invocation processed.  Losses and errors on
 *  the validation set and the test set are NaN.  Not collective. */
sn_epoch_row sn_epoch_describe(const sn_engine *engine, const sn_profile *profile,
                               int64_t samples_before);

/** Returns the row of this rank for the epoch of row, without wait_seconds. */
sn_rank_row sn_epoch_describe_rank(const sn_engine *engine, const sn_profile *profile,
                                   const sn_epoch_row *row);

/** Evaluates the weights on a split.  Collective.  Errors: those of sn_evaluate. */
sn_status sn_epoch_evaluate(sn_engine *engine, const sn_split *split,
                            sn_evaluation *evaluation, sn_error *err) SN_MUST_CHECK;

/** Sets loss and error on the validation set and the test set.  Collective.  Errors:
 *  those of sn_evaluate. */
sn_status sn_epoch_complete(sn_engine *engine, sn_epoch_row *row,
                            sn_error *err) SN_MUST_CHECK;

#endif
