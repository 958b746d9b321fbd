/** One training step, as train and bench run it (internal to train). */
#ifndef SHARDNET_TRAIN_STEP_H
#define SHARDNET_TRAIN_STEP_H

#include "train/state.h"

/** Order of the samples and learning rate of the epoch that progress names.  Not
 *  collective. */
void sn_step_open_epoch(sn_state *state);

/** Positions, in the epoch's order, of this rank's samples of the next step.  Pure. */
sn_range sn_step_slice(const sn_state *state);

/** Gathers this rank's slice of the global batch, takes the gradient of its loss, sums
 *  over all ranks, updates; progress and phases move on.  Allocates nothing, writes no
 *  file.  Collective; the same status on all ranks.  SN_EDIVERGED, SN_EMPI. */
sn_status sn_step_run(sn_state *state, sn_error *err) SN_MUST_CHECK;

/** sum += more. */
void sn_phases_add(sn_phases *sum, const sn_phases *more);

/** Seconds of all parts together. */
double sn_phases_total(const sn_phases *phases);

#endif
