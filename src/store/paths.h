/* SPDX-License-Identifier: BSD-3-Clause */
/** The names in the folder of a run.  Each is spelled here and nowhere else in src;
 *  that of an unfinished file is in base/file.h.
 *
 *      RUN/config.ini
 *
 *      RUN/metrics.h5
 *
 *      RUN/report.html
 *
 *      RUN/.lock
 *
 *      RUN/checkpoints/step-00012345.h5
 *
 *      RUN/checkpoints/best.h5 */
#ifndef SHARDNET_STORE_PATHS_H
#define SHARDNET_STORE_PATHS_H

#define SN_CONFIG_FILE        "config.ini"
#define SN_METRICS_FILE       "metrics.h5"
#define SN_REPORT_FILE        "report.html"
#define SN_LOCK_FILE          ".lock"
#define SN_CHECKPOINTS_FOLDER "checkpoints"
#define SN_STEP_PREFIX        "step-" /* the step follows, with at least eight digits */
#define SN_BEST_FILE          "best.h5"
#define SN_H5_SUFFIX          ".h5"

/* A file that is set aside keeps its name and gets one of these as a suffix, and then
 * .2, .3 ... where that name is taken (sn_file_move_away). */
#define SN_ABANDONED "abandoned" /* a checkpoint that the run does not continue from */
#define SN_OLD       "old"       /* what a fresh run found in its folder */
#define SN_DAMAGED   "damaged"   /* metrics that HDF5 cannot read */

#endif
