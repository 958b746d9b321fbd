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

#endif
