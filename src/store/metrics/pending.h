/* SPDX-License-Identifier: BSD-3-Clause */
/** Pending rows: rows of metrics that could not be written to metrics.h5 yet.  A
 *  checkpoint carries them in the group /pending, as tables with the names and columns
 *  of metrics.h5.  Checkpoint and metrics together thus hold every row up to the step
 *  of the checkpoint.  Rank 0 only. */
#ifndef SHARDNET_STORE_METRICS_PENDING_H
#define SHARDNET_STORE_METRICS_PENDING_H

#include "store/h5/h5.h"
#include "store/metrics/rows.h"

/** Returns the approximate size in bytes of the group in the file. */
size_t sn_pending_bytes(const sn_rows *rows);

/** Writes the group with the rows up to step; writes nothing if there are none. */
bool sn_pending_write(hid_t file, const sn_rows *rows, int64_t step,
                      sn_h5_reason *why) SN_MUST_CHECK;

/** Appends the rows of the group, if it exists, to rows.  HDF5 checks their checksums.
 */
bool sn_pending_read(hid_t file, sn_rows *rows, sn_h5_reason *why) SN_MUST_CHECK;

#endif
