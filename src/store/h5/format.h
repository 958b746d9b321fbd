/* SPDX-License-Identifier: BSD-3-Clause */
/** The kind of a file, for a message to somebody who gave the wrong one. */
#ifndef SHARDNET_STORE_FORMAT_H
#define SHARDNET_STORE_FORMAT_H

#include "shardnet/status.h"

/** The attribute format of the root group. */
#define SN_FORMAT_NAME_CHECKPOINT "shardnet checkpoint"
#define SN_FORMAT_NAME_METRICS    "shardnet metrics"

typedef enum sn_format {
    SN_FORMAT_CHECKPOINT,
    SN_FORMAT_METRICS,
    SN_FORMAT_OTHER_HDF5,
    SN_FORMAT_UNREADABLE, /* begins as HDF5 does, or is empty: damaged, or half written
                           */
    SN_FORMAT_FOREIGN     /* no HDF5 file, or none that can be opened */
} sn_format;

/** By the attribute format of the file, which is not checked any further; takes no
 *  lock. */
sn_format sn_format_of(const char *path);

/** SN_EDATA, with what it is instead, for a file that is no metrics.h5, not even a
 *  damaged one; SN_ENOINPUT. */
sn_status sn_format_expect_metrics(const char *path, sn_error *err) SN_MUST_CHECK;

#endif
