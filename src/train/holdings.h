/** Which checkpoints a run owns: those to continue from and those of a trajectory that
 * it leaves (internal to train). Rank 0 only; not collective; the writer must be idle.
 */
#ifndef SHARDNET_TRAIN_HOLDINGS_H
#define SHARDNET_TRAIN_HOLDINGS_H

#include "train/state.h"

/** Restores parameters, velocity and progress as options->resume says; *resumed tells
 *  whether there was anything.  The newest by its step comes first, best.h5 too; a
 *  damaged one is passed over with a warning that names it, one of another version of
 *  the program is not.  SN_ECREATE, SN_ECONFIG, SN_EDATA, SN_ENOINPUT. */
sn_status sn_holdings_find(sn_state *state, int *resumed, sn_error *err) SN_MUST_CHECK;

/** To be called before a resumed run writes.  What lies beyond the restored step is of
 * a trajectory that the run leaves, or damaged, and is set aside, and so is a best.h5
 *  that is not of the best epoch of progress; a warning tells.  The run gets what it
 * does not have: the restored checkpoint, and as best.h5 a file that holds the best
 * epoch's weights; where none does, progress forgets its best epoch, with a warning.
 * Needs memory for one more copy of parameters and velocity.  SN_ECREATE, SN_EIO. */
sn_status sn_holdings_claim(sn_state *state, sn_error *err) SN_MUST_CHECK;

/** Reads the parameters of best.h5 into the state's when it is of the best epoch;
 * *found says so, and a warning if not.  SN_OK. */
sn_status sn_holdings_read_best(sn_state *state, bool *found,
                                sn_error *err) SN_MUST_CHECK;

#endif
