/* SPDX-License-Identifier: BSD-3-Clause */
/** File names in a run folder.  Each name is written here and nowhere else in src; the
 *  suffix of an unfinished file is in base/system/file.h.
 *
 *      RUN/config.ini
 *      RUN/metrics.h5
 *      RUN/report.html
 *      RUN/.lock
 *      RUN/checkpoints/step-00012345.h5
 *      RUN/checkpoints/best.h5 */
#ifndef SHARDNET_STORE_PATHS_H
#define SHARDNET_STORE_PATHS_H

#define SN_CONFIG_FILE        "config.ini"
#define SN_METRICS_FILE       "metrics.h5"
#define SN_REPORT_FILE        "report.html"
#define SN_LOCK_FILE          ".lock"
#define SN_CHECKPOINTS_FOLDER "checkpoints"
#define SN_STEP_PREFIX        "step-" /* followed by the step, at least eight digits */
#define SN_BEST_FILE          "best.h5"
#define SN_H5_SUFFIX          ".h5"

/* Suffixes that sn_file_move_away appends to the name of a file it moves. */
#define SN_ABANDONED "abandoned" /* a checkpoint outside the run's lineage */
#define SN_OLD       "old"       /* a file that a new run found in its folder */
#define SN_DAMAGED   "damaged"   /* metrics that HDF5 cannot read */

#endif
