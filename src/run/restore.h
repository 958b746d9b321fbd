/* SPDX-License-Identifier: BSD-3-Clause */
/** Restores the state of a run from one checkpoint, after checking that it belongs to
 *  the run.  Rank 0 only; not collective.  The writer must be idle. */
#ifndef SHARDNET_RUN_RESTORE_H
#define SHARDNET_RUN_RESTORE_H

#include "config/config.h"
#include "store/checkpoint/checkpoint.h"

/** The state of a run that its checkpoints hold.  The caller owns all of it. */
typedef struct sn_run_state {
    sn_config *config; /* effective; restoring sets keys with value auto to the former
                          choice of the run */
    const sn_dataset *data;
    const sn_network *network;
    const sn_state *arrays;
    const sn_layer_tensors *tensors; /* (layers): views of arrays */
    int64_t steps_per_epoch;
    sn_position *position;
} sn_run_state;

/** Bytes of the text that lists the changed keys that affect training. */
enum { SN_CHANGES_BYTES = 1024 };

/** Reads the checkpoint at path into the arrays of the state.  Sets
 *  *position and changes only on success; changes lists the changed keys that affect
 *  training, "" for none.  Errors: SN_ECONFIG if the checkpoint belongs to another run;
 *  SN_EDATA if it is damaged (*damaged is true) or another version of the program wrote
 *  a configuration with unknown keys; SN_ENOINPUT, SN_ENOMEM. */
sn_status sn_restore(const char *path, const sn_run_state *state, sn_position *position,
                     char changes[SN_CHANGES_BYTES], bool *damaged,
                     sn_error *err) SN_MUST_CHECK;

/** Reads the parameters that are evaluated, and the other arrays that both state and
 *  file have, from a checkpoint of the run.  Verifies the whole file first, so that a
 *  damaged file does not change the state.  Errors: SN_EDATA, SN_ENOINPUT, SN_ENOMEM.
 */
sn_status sn_restore_weights(const char *path, const sn_run_state *state,
                             sn_error *err) SN_MUST_CHECK;

#endif
