/* SPDX-License-Identifier: BSD-3-Clause */
/** Restoring one checkpoint: does it belong to the run, and its state.  Rank 0 only;
 *  not collective; the writer must be idle. */
#ifndef SHARDNET_RUN_RESTORE_H
#define SHARDNET_RUN_RESTORE_H

#include "config/config.h"
#include "store/checkpoint/checkpoint.h"

/** The state of a run, which its checkpoints hold; the caller's. */
typedef struct sn_run_state {
    sn_config
        *config; /* effective; restoring sets keys that are auto to the value which
                          the run chose before */
    const sn_dataset *data;
    const sn_network *network;
    float *parameters, *velocity;    /* (network->arena) */
    const sn_layer_tensors *tensors; /* (layers): views of both */
    int64_t steps_per_epoch;
    sn_position *position;
} sn_run_state;

/** The bytes of a text that names the keys that changed and act on the updates. */
enum { SN_CHANGES_BYTES = 1024 };

/** Restores the checkpoint at path.  *position and changes are written only with SN_OK.
 *  SN_ECONFIG when the checkpoint belongs to another run; SN_EDATA when it is damaged
 *  (*damaged) or was written by a version whose configuration this one does not know;
 *  SN_ENOINPUT, SN_ENOMEM. */
sn_status sn_restore(const char *path, const sn_run_state *state, sn_position *position,
                     char changes[SN_CHANGES_BYTES], bool *damaged,
                     sn_error *err) SN_MUST_CHECK;

/** Reads parameters and velocity of RUN's best.h5, which must be of the position's best
 *  epoch.  The whole file is verified first: the state does not change where it is
 *  damaged.  SN_EDATA, SN_ENOINPUT, SN_ENOMEM. */
sn_status sn_restore_best(const char *run, const sn_run_state *state,
                          sn_error *err) SN_MUST_CHECK;

#endif
