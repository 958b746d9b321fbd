/** One training step, as train and bench run it (internal to train). */
#ifndef SHARDNET_TRAIN_STEP_H
#define SHARDNET_TRAIN_STEP_H

#include "train/state.h"

/** Order of the samples and learning rate of the epoch that progress names.  Not
 *  collective. */
void sn_step_open_epoch(sn_state *state);

/** Positions, in the epoch's order, of the next step's global batch. */
sn_range sn_step_batch(const sn_state *state);

/** The pieces of a batch whose gradients this rank computes one by one; piece p of a
 *  batch is its sn_rank_range for p of the total, and may be empty. */
sn_pieces sn_step_pieces(const sn_state *state);

/** The gradient of this rank's part of the global batch, one sum over all ranks, one
 *  update; progress and phases move on.  Allocates nothing, writes no
 *  file.  Collective; the same status on all ranks.  SN_EDIVERGED, SN_EMPI. */
sn_status sn_step_run(sn_state *state, sn_error *err) SN_MUST_CHECK;

#endif
