/** Continuing from one checkpoint: whether it fits the run, and its state (internal to
 *  train). */
#ifndef SHARDNET_TRAIN_RESUME_H
#define SHARDNET_TRAIN_RESUME_H

#include "train/state.h"

/** Rank 0: restores parameters, velocity and progress from the checkpoint at path,
 * keeps what its run has chosen where the configuration says auto, and notes in
 *  state->changes what is set otherwise and changes the updates.  Not collective.
 *  SN_ECONFIG when it belongs to another run; SN_EDATA when it is damaged, which
 *  *damaged tells, or written by a version whose configuration this one does not know;
 *  SN_ENOINPUT, SN_ENOMEM. */
sn_status sn_resume_restore(sn_state *state, const char *path, bool *damaged,
                            sn_error *err) SN_MUST_CHECK;

/** Does the checkpoint hold the very layers of the state's model? */
bool sn_resume_shape_matches(const sn_state *state, const sn_checkpoint *checkpoint,
                             const sn_checkpoint_info *info);

#endif
