/** The checkpoints of a run that a running job adds and removes meanwhile (internal to
 *  cli). */
#ifndef SHARDNET_EVAL_TARGET_H
#define SHARDNET_EVAL_TARGET_H

#include <stdbool.h>

#include "store/checkpoint/checkpoint.h"

/** How often a folder is listed anew when what it listed has gone. */
enum { SN_TARGET_TRIES = 8 };

/** What is done with the file at path. */
typedef sn_status sn_target_use(const char *path, void *user, sn_error *err);

/** Uses each checkpoint of a run, newest first, then best.h5 where it exists.  A running
 *  job may remove one meanwhile; where it has removed all that were listed, they are
 *  listed again.  SN_ENOINPUT where the folder may not be read, SN_ENOMEM, and the first
 *  failure of use. */
sn_status sn_target_each(const char *run, sn_target_use *use, void *user,
                         sn_error *err) SN_MUST_CHECK;

/** sn_checkpoint_resolve for somebody who only reads, alike. */
sn_status sn_target_find(const char *target, char path[SN_PATH_BYTES],
                         sn_error *err) SN_MUST_CHECK;

/** Has path, which sn_target_find gave for the run target, been removed since? */
bool sn_target_has_gone(const char *target, const char *path);

/** Uses the checkpoint that target is, or the newest of the run that it is; another
 *  one where a running job has removed that between listing and opening.  path is the
 *  last one tried.  Not collective.  SN_ENOINPUT and what use returns. */
sn_status sn_target_newest(const char *target, char path[SN_PATH_BYTES],
                           sn_target_use *use, void *user, sn_error *err) SN_MUST_CHECK;

#endif
