/* SPDX-License-Identifier: BSD-3-Clause */
/** The end of training: its reason, and the weights of the result. */
#ifndef SHARDNET_TRAIN_OUTCOME_H
#define SHARDNET_TRAIN_OUTCOME_H

#include "eval/target.h"
#include "run/run.h"
#include "train/deadline.h"

/** The functions below write texts of at most this many bytes. */
enum { SN_REASON_BYTES = 160 };

/** Writes the reason why a finished run ends at the position: all epochs, early
 *  stopping or, if this invocation has done no step, "nothing to do". */
void sn_outcome_describe_end(const sn_config *config, const sn_position *position,
                             bool trained, char text[SN_REASON_BYTES]);

/** Writes the reason why a run stops early after this number of steps: train.max_steps,
 *  the signal that this rank received (0: none), or the limit of time; else another
 *  rank received a signal. */
void sn_outcome_describe_stop(const sn_config *config, int64_t steps, int signal_number,
                              sn_limit limit, char text[SN_REASON_BYTES]);

/** Finds the checkpoint with the result by the rule of sn_target_result.  If it is
 *  best.h5, reads it on rank 0, and the caller calls sn_replica_distribute; else the
 *  weights in memory are those of the newest checkpoint and stay.  Warns if the rule
 *  wants best.h5 but cannot use it.  *found is complete on rank 0; the other ranks know
 *  found->best.  Collective.  Errors: SN_EMPI. */
sn_status sn_outcome_restore(sn_run *run, const sn_run_state *state,
                             sn_target_found *found, sn_error *err) SN_MUST_CHECK;

#endif
