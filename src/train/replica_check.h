/** Are the ranks' copies of parameters and velocity still the same?  (internal to
 * train)
 *
 *  Every rank makes the same update from the same sum, so they are, bit for bit, unless
 *  memory, a processor or a network card fails, or a sum gives other bits on another
 * rank. Nobody else would notice: training goes on, a little wrong. */
#ifndef SHARDNET_TRAIN_REPLICA_CHECK_H
#define SHARDNET_TRAIN_REPLICA_CHECK_H

#include "train/state.h"

/** Compares a hash of the copies, unless comm.check_replicas_every is 0 or it has been
 * done since the last update.  Collective.  SN_EINTERNAL, with the ranks that differ
 * and their hosts named; SN_EMPI.  Cost: one pass over parameters and velocity, two
 * small collectives. */
sn_status sn_replica_check(sn_state *state, sn_error *err) SN_MUST_CHECK;

/** The same after every comm.check_replicas_every'th update.  Collective. */
sn_status sn_replica_step(sn_state *state, sn_error *err) SN_MUST_CHECK;

#endif
