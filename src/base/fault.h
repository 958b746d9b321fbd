/* SPDX-License-Identifier: BSD-3-Clause */
/** Fault injection for tests.  Compiled in only with the CMake option SHARDNET_FAULTS
 *  (presets dev and asan); elsewhere every point is off. */
#ifndef SHARDNET_BASE_FAULT_H
#define SHARDNET_BASE_FAULT_H

#include <stdint.h>

#include "shardnet/status.h"

/** SN_OK, or SN_EINTERNAL when SHARDNET_FAULT names this point: "POINT", "POINT@RANK"
 * or "POINT@RANK:STEP" (comma-separated list).  rank and step are -1 where they do not
 *  apply; a point without RANK or STEP matches any. */
sn_status sn_fault_check(const char *point, int rank, int64_t step,
                         sn_error *err) SN_MUST_CHECK;

#endif
