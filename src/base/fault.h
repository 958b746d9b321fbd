/* SPDX-License-Identifier: BSD-3-Clause */
/** Fault injection for tests.  Only a build with the CMake option SHARDNET_FAULTS
 *  (presets dev and asan) injects faults; in others sn_fault_check returns SN_OK. */
#ifndef SHARDNET_BASE_FAULT_H
#define SHARDNET_BASE_FAULT_H

#include <stdint.h>

#include "shardnet/status.h"

/** Returns SN_EINTERNAL if the environment variable SHARDNET_FAULT names this point,
 *  else SN_OK.  The variable is a comma-separated list of POINT, POINT@RANK or
 *  POINT@RANK:STEP; an item without RANK or STEP matches any rank or step.  The caller
 *  passes -1 for a rank or step that does not apply. */
sn_status sn_fault_check(const char *point, int rank, int64_t step,
                         sn_error *err) SN_MUST_CHECK;

#endif
