/* SPDX-License-Identifier: BSD-3-Clause */
/** Detects the kind of a file, for error messages about a wrong file.  Not collective.
 */
#ifndef SHARDNET_STORE_H5_FORMAT_H
#define SHARDNET_STORE_H5_FORMAT_H

#include "shardnet/status.h"

/** Values of the attribute "format" of the root group. */
#define SN_FORMAT_NAME_CHECKPOINT "shardnet checkpoint"
#define SN_FORMAT_NAME_METRICS    "shardnet metrics"

typedef enum sn_format {
    SN_FORMAT_CHECKPOINT,
    SN_FORMAT_METRICS,
    SN_FORMAT_OTHER_HDF5,
    SN_FORMAT_UNREADABLE, /* empty, or a damaged or incomplete HDF5 file */
    SN_FORMAT_FOREIGN     /* not an HDF5 file, or not readable */
} sn_format;

/** Returns the kind of the file at path, from its attribute "format" alone.  Takes no
 *  lock. */
sn_format sn_format_of(const char *path);

/** Returns SN_OK if path is a metrics file, even a damaged one.  Errors: SN_ENOINPUT;
 *  SN_EDATA, and err names the actual kind. */
sn_status sn_format_expect_metrics(const char *path, sn_error *err) SN_MUST_CHECK;

#endif
