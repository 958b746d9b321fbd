/** Restoring one checkpoint: does it belong to the run, and its state.  Rank 0 only; not
 *  collective; the writer must be idle. */
#ifndef SHARDNET_RUN_RESTORE_H
#define SHARDNET_RUN_RESTORE_H

#include "config/config.h"
#include "store/checkpoint/checkpoint.h"

/** The run that a checkpoint is restored into. */
typedef struct sn_restore_target {
    const sn_network *model;
    const sn_layer_tensors *tensors; /* (layers) receive parameters and velocities */
    const sn_dataset *data;
    int64_t steps_per_epoch;
    sn_config
        *config; /* keys that are auto take the value which the run chose before */
} sn_restore_target;

/** What was restored. */
typedef struct sn_restored {
    sn_position position;
    char path[SN_PATH_BYTES]; /* of the checkpoint, "" for none */
    char changes[1024];       /* keys that changed since and act on the updates */
} sn_restored;

/** Restores the checkpoint at path.  *restored changes only with SN_OK.  SN_ECONFIG when
 *  the checkpoint belongs to another run; SN_EDATA when it is damaged (*damaged) or was
 *  written by a version whose configuration this one does not know; SN_ENOINPUT,
 *  SN_ENOMEM. */
sn_status sn_restore(const char *path, const sn_restore_target *target,
                     sn_restored *restored, bool *damaged, sn_error *err) SN_MUST_CHECK;

/** Reads the parameters of RUN's best.h5, which must be of best_epoch.  SN_EDATA,
 *  SN_ENOINPUT. */
sn_status sn_restore_best(const char *run, const sn_restore_target *target,
                          int64_t best_epoch, sn_error *err) SN_MUST_CHECK;

#endif
