/* SPDX-License-Identifier: BSD-3-Clause */
/** The files of a run beside its checkpoints: config.ini and metrics.h5.  Rank 0 only.
 */
#ifndef SHARDNET_RUN_FOLDER_H
#define SHARDNET_RUN_FOLDER_H

#include "store/metrics/rows.h"

/** Writes config.ini and cuts the metrics back to step; a damaged metrics.h5 is put
 *  aside, and so are, where the run is fresh, another config.ini and metrics with rows.
 *  *warning: what the user should know, "" for nothing.  SN_ECREATE, SN_EIO,
 *  SN_ENOMEM. */
sn_status sn_folder_prepare(const char *run, const char *config_text, bool fresh,
                            int64_t step, sn_error *warning,
                            sn_error *err) SN_MUST_CHECK;

/** Rows that are not in metrics.h5 yet.  Start with zeroes. */
typedef struct sn_backlog {
    sn_rows rows;
    bool torn; /* an append failed: the file may hold them, or be damaged */
} sn_backlog;

/** Appends the backlog to metrics.h5; it is kept when that fails.  A folder that went
 *  away during the run is made again, with config_text: better a run without its past
 *  than no run.  *warning as above.  SN_ECREATE, SN_EIO, SN_ENOMEM. */
sn_status sn_folder_append(const char *run, const char *config_text,
                           sn_backlog *backlog, sn_error *warning,
                           sn_error *err) SN_MUST_CHECK;

#endif
