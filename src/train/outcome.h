/* SPDX-License-Identifier: BSD-3-Clause */
/** The weights of the result at the end of training. */
#ifndef SHARDNET_TRAIN_OUTCOME_H
#define SHARDNET_TRAIN_OUTCOME_H

#include "eval/target.h"
#include "run/run.h"

/** Finds the checkpoint with the result by the rule of sn_target_result.  If it is
 *  best.h5, reads it on rank 0 and broadcasts its parameters; else the weights in
 *  memory are those of the newest checkpoint and stay.  Warns if the rule wants best.h5
 *  but cannot use it.  *found is complete on rank 0; the other ranks know found->best.
 *  Collective.  Errors: SN_EMPI. */
sn_status sn_outcome_restore(sn_run *run, const sn_run_state *state,
                             sn_target_found *found, sn_error *err) SN_MUST_CHECK;

#endif
