/* SPDX-License-Identifier: BSD-3-Clause */
/** The files config.ini and metrics.h5 of a run.  Rank 0 only; not collective. */
#ifndef SHARDNET_RUN_FOLDER_H
#define SHARDNET_RUN_FOLDER_H

#include "store/metrics/rows.h"

/** Renames the files of an earlier run or of a user to *.old, so that a run which does
 *  not continue a checkpoint of this folder does not overwrite them: a config.ini with
 *  other content than config_text and, if there is one or if fresh, a metrics.h5 with
 *  rows.  *warning is a message for the user, "" for none.  Errors: SN_ECREATE,
 *  SN_EIO. */
sn_status sn_folder_set_aside(const char *run, const char *config_text, bool fresh,
                              sn_error *warning, sn_error *err) SN_MUST_CHECK;

/** Writes config.ini, removes the metrics after step, and appends the pending rows
 *  (NULL: none) of the restored checkpoint.  Renames a damaged metrics.h5 to *.damaged.
 *  *warning is a message for the user, "" for none.  Errors: SN_ECREATE, SN_EIO,
 *  SN_ENOMEM. */
sn_status sn_folder_prepare(const char *run, const char *config_text, int64_t step,
                            const sn_rows *pending, sn_error *warning,
                            sn_error *err) SN_MUST_CHECK;

/** Rows that are not yet in metrics.h5.  Initialize with zeros. */
typedef struct sn_backlog {
    sn_rows rows;
    bool append_failed; /* metrics.h5 may contain some of the rows, or be damaged */
} sn_backlog;

/** Appends the backlog to metrics.h5 and empties it; keeps it on failure.  If the
 *  folder or its config.ini has disappeared, creates the folder and config.ini
 *  (config_text) again, so that the run can continue.  *warning is a message for the
 *  user, "" for none.  Errors: SN_ECREATE, SN_EIO, SN_ENOMEM. */
sn_status sn_folder_append(const char *run, const char *config_text,
                           sn_backlog *backlog, sn_error *warning,
                           sn_error *err) SN_MUST_CHECK;

#endif
