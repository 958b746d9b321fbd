/* SPDX-License-Identifier: BSD-3-Clause */
/** Reads checkpoints of a run while a running job adds and removes some.  Not
 *  collective. */
#ifndef SHARDNET_EVAL_TARGET_H
#define SHARDNET_EVAL_TARGET_H

#include <stdbool.h>

#include "store/checkpoint/checkpoint.h"

/** Callback that reads the checkpoint at path. */
typedef sn_status sn_target_use(const char *path, void *user, sn_error *err);

/** Calls use for each checkpoint of a run, newest first, then for best.h5 if it exists.
 *  use must accept that a running job has removed the file.  If all listed checkpoints
 *  were removed meanwhile, lists them again.  Errors: SN_ENOINPUT if the folder cannot
 *  be read, SN_ENOMEM, the first failure of use. */
sn_status sn_target_each(const char *run, sn_target_use *use, void *user,
                         sn_error *err) SN_MUST_CHECK;

/** Calls use for the checkpoint target or, if target is a folder, for the newest
 *  checkpoint of that run.  If a running job removes that file before use opens it,
 *  tries the newest one again.  path is the file of the last call.  Errors:
 *  SN_ENOINPUT, those of use. */
sn_status sn_target_newest(const char *target, char path[SN_PATH_BYTES],
                           sn_target_use *use, void *user, sn_error *err) SN_MUST_CHECK;

/** These words choose a checkpoint of a run. */
#define SN_TARGET_BEST "best"
#define SN_TARGET_LAST "last"

/** The checkpoint that sn_target_result has chosen. */
typedef struct sn_target_found {
    char path[SN_PATH_BYTES]; /* the file of the last call of use */
    bool best;                /* the rule has chosen best.h5 */
    sn_error notice; /* the reason if the rule wants best.h5 but cannot use it, or "" */
} sn_target_found;

/** Calls use for the checkpoint with the result of target.  This function is the only
 *  definition of a run's result: the weights of the epoch with the least validation
 *  error (best.h5) if the newest checkpoint names such an epoch, else those of the
 *  newest checkpoint.  If best.h5 is missing, damaged or of another epoch, uses the
 *  newest checkpoint and sets found->notice.
 *
 *  choice overrides the rule: SN_TARGET_BEST, SN_TARGET_LAST or the path of a
 *  checkpoint; NULL selects the rule.  A target that is a file is used itself, and
 *  choice must be NULL.  use may be called a second time after it has failed.  Errors:
 *  SN_EUSAGE, SN_ENOINPUT, SN_ERANGE, SN_ENOMEM, and as use returns. */
sn_status sn_target_result(const char *target, const char *choice, sn_target_use *use,
                           void *user, sn_target_found *found,
                           sn_error *err) SN_MUST_CHECK;

#endif
