/** Which checkpoints a run owns: those to continue from and those of a trajectory that
 * it leaves (internal to train). Rank 0 only; not collective; the writer must be idle.
 */
#ifndef SHARDNET_TRAIN_HOLDINGS_H
#define SHARDNET_TRAIN_HOLDINGS_H

#include "train/state.h"

/** Restores parameters, velocity and progress as options->resume says; *resumed tells
 *  whether there was anything.  A damaged checkpoint is passed over with a warning that
 *  names it.  SN_ECREATE, SN_ECONFIG, SN_EDATA, SN_ENOINPUT. */
sn_status sn_holdings_find(sn_state *state, int *resumed, sn_error *err) SN_MUST_CHECK;

/** To be called before a resumed run writes: what lies beyond the restored step is of a
 *  trajectory that the run leaves, or damaged, and is set aside, which a warning tells.
 *  SN_EIO. */
sn_status sn_holdings_claim(sn_state *state, sn_error *err) SN_MUST_CHECK;

#endif
