/* SPDX-License-Identifier: BSD-3-Clause */
/** The result of a run: its checkpoint, and the row of /epochs that belongs to it. */
#ifndef SHARDNET_EVAL_RESULT_H
#define SHARDNET_EVAL_RESULT_H

#include "eval/target.h"
#include "store/metrics/metrics.h"

typedef struct sn_result {
    sn_target_found found;
    sn_checkpoint_info info; /* header of the checkpoint found.path */
} sn_result;

/** Finds and verifies the checkpoint with the result of a run; choice: see
 *  sn_target_result.  Not collective.
 *  Errors: as sn_target_result and sn_checkpoint_verify. */
sn_status sn_result_find(const char *run, const char *choice, sn_result *result,
                         sn_error *err) SN_MUST_CHECK;

/** Returns the last evaluated row up to a step, NULL if there is none.  The row belongs
 *  to the weights of a checkpoint only if both have the same step.  rows (count) are
 *  ordered by step. */
const sn_epoch_row *sn_result_row(const sn_epoch_row *rows, size_t count, int64_t step);

#endif
