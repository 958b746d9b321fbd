/** Rows that wait for metrics.h5 (internal to train). */
#ifndef SHARDNET_TRAIN_PENDING_H
#define SHARDNET_TRAIN_PENDING_H

#include "train/state.h"

/** Makes room for the rows of an epoch, so that the step loop never allocates.
 *  Collective.  SN_ENOMEM. */
sn_status sn_pending_reserve(sn_state *state, sn_error *err) SN_MUST_CHECK;

/** Notes the update that has just been made, where metrics.every_steps asks for it. */
void sn_pending_step(sn_state *state, double seconds);

/** Notes an epoch, and the times of all ranks.  Collective.  SN_ENOMEM, SN_EMPI. */
sn_status sn_pending_epoch(sn_state *state, const sn_epoch_row *row,
                           sn_error *err) SN_MUST_CHECK;

#endif
