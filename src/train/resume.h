/** Finding and restoring the checkpoint to continue from (internal to train). */
#ifndef SHARDNET_TRAIN_RESUME_H
#define SHARDNET_TRAIN_RESUME_H

#include "train/state.h"

/** Rank 0: restores parameters, velocity and progress as options->resume says; *resumed
 *  tells whether there was anything.  A damaged checkpoint is passed over with a
 * warning that names it.  SN_ECREATE, SN_ECONFIG, SN_EDATA, SN_ENOINPUT. */
sn_status sn_resume_find(sn_state *state, int *resumed, sn_error *err) SN_MUST_CHECK;

/** Does the checkpoint hold the very layers of the state's model? */
bool sn_resume_shape_matches(const sn_state *state, const sn_checkpoint *checkpoint,
                             const sn_checkpoint_info *info);

#endif
