/* SPDX-License-Identifier: BSD-3-Clause */
/** The checkpoints of a run, which a running job adds and removes meanwhile. */
#ifndef SHARDNET_EVAL_TARGET_H
#define SHARDNET_EVAL_TARGET_H

#include <stdbool.h>

#include "store/checkpoint/checkpoint.h"

/** Uses the file at path. */
typedef sn_status sn_target_use(const char *path, void *user, sn_error *err);

/** Uses each checkpoint of a run, newest first, then best.h5 where it exists.  A
 *  running job may remove one meanwhile; where it has removed all that were listed,
 *  they are listed again.  SN_ENOINPUT where the folder may not be read, SN_ENOMEM, and
 *  the first failure of use. */
sn_status sn_target_each(const char *run, sn_target_use *use, void *user,
                         sn_error *err) SN_MUST_CHECK;

/** Uses the checkpoint that target is, or the newest of the run that it is; another
 *  one where a running job has removed that between listing and opening.  path is the
 *  last one tried.  Not collective.  SN_ENOINPUT and what use returns. */
sn_status sn_target_newest(const char *target, char path[SN_PATH_BYTES],
                           sn_target_use *use, void *user, sn_error *err) SN_MUST_CHECK;

#endif
