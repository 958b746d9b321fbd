/** Continuing from one checkpoint: whether it fits the run, and its state (internal to
 *  train). */
#ifndef SHARDNET_TRAIN_RESUME_H
#define SHARDNET_TRAIN_RESUME_H

#include "train/state.h"

/** Rank 0: restores parameters, velocity and progress from the checkpoint at path, and
 *  keeps what its run has chosen where the configuration says auto.  Not collective.
 *  SN_ECONFIG when it belongs to another run, SN_EDATA when it is damaged, SN_ENOINPUT,
 *  SN_ENOMEM. */
sn_status sn_resume_restore(sn_state *state, const char *path,
                            sn_error *err) SN_MUST_CHECK;

/** Does the checkpoint hold the very layers of the state's model? */
bool sn_resume_shape_matches(const sn_state *state, const sn_checkpoint *checkpoint,
                             const sn_checkpoint_info *info);

#endif
