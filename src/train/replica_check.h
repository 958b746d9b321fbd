/* SPDX-License-Identifier: BSD-3-Clause */
/** Compares the ranks' copies of parameters and velocity.
 *
 *  Every rank makes the same update from the same sum, so the copies are the same, bit
 *  for bit, unless memory, a processor or a network card fails, or a reduction gives
 *  other bits on another rank.  Training would go on, a little wrong, and nobody would
 *  notice. */
#ifndef SHARDNET_TRAIN_REPLICA_CHECK_H
#define SHARDNET_TRAIN_REPLICA_CHECK_H

#include "train/context.h"
#include "train/replica.h"

/** Compares a hash of the copies after step updates.  Collective.  SN_EINTERNAL, with
 *  the ranks that differ and their hosts named; SN_ENOMEM, SN_EMPI.  Cost: one pass
 *  over parameters and velocity, two small collectives; nothing on one rank. */
sn_status sn_replica_check(const sn_context *context, const sn_replica *replica,
                           int64_t step, sn_error *err) SN_MUST_CHECK;

/** Changes one bit of a weight where a test asks for it at this step. */
void sn_replica_inject_fault(const sn_context *context, sn_replica *replica,
                             int64_t step);

#endif
