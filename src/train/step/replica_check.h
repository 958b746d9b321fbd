/* SPDX-License-Identifier: BSD-3-Clause */
/** The comparison of all copies of the state: one per node, or one per rank where the
 *  ranks of a node cannot share memory.
 *
 *  Every copy gets the same update from the same reduced gradient, so the state is the
 *  same in all copies, bit for bit.  The copies differ if memory, a
 *  processor or a network card fails, or if a reduction yields other bits on another
 *  rank.  Without this check, training would continue with wrong results. */
#ifndef SHARDNET_TRAIN_STEP_REPLICA_CHECK_H
#define SHARDNET_TRAIN_STEP_REPLICA_CHECK_H

#include "train/step/context.h"
#include "train/step/replica.h"

/** Compares a hash of the state after step updates.  The cost is one pass
 *  over the state and two small collectives; nothing if there is one copy.
 *  Collective; the same status on all ranks.  Errors: SN_EINTERNAL, with the ranks
 *  that differ and their hosts; SN_ENOMEM, SN_EMPI. */
sn_status sn_replica_check(const sn_context *context, const sn_replica *replica,
                           int64_t step, sn_error *err) SN_MUST_CHECK;

/** Flips one bit of a parameter if a test injects this fault at this step. */
void sn_replica_inject_fault(const sn_context *context, sn_replica *replica,
                             int64_t step);

#endif
