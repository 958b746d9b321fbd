/** The figures of a finished epoch. */
#ifndef SHARDNET_TRAIN_EPOCH_H
#define SHARDNET_TRAIN_EPOCH_H

#include "data/dataset.h"
#include "eval/evaluate.h"
#include "store/metrics/metrics.h"
#include "train/context.h"
#include "train/replica.h"

/** The row of the epoch whose last step is position's, before the position moves to the
 *  next epoch.  seconds: of its steps in this invocation; samples_before: how many of
 *  its samples earlier invocations took.  Validation and test are NAN. */
sn_epoch_row sn_epoch_describe(const sn_position *position, const sn_replica *replica,
                               double seconds, int64_t samples_before);

/** Evaluates the replica on a split.  Collective.  SN_ENOMEM, SN_EMPI. */
sn_status sn_replica_evaluate(const sn_context *context, sn_replica *replica,
                              const sn_split *split, sn_evaluation *evaluation,
                              sn_error *err) SN_MUST_CHECK;

/** Fills in loss and error on the validation and the test set.  Collective.  SN_ENOMEM,
 *  SN_EMPI. */
sn_status sn_epoch_evaluate(const sn_context *context, sn_replica *replica,
                            const sn_dataset *data, sn_epoch_row *row,
                            sn_error *err) SN_MUST_CHECK;

#endif
