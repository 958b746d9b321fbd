/* SPDX-License-Identifier: BSD-3-Clause */
/** Checks before training that find mistakes of a launch. */
#ifndef SHARDNET_TRAIN_PREFLIGHT_H
#define SHARDNET_TRAIN_PREFLIGHT_H

#include "train/console/console.h"
#include "train/step/context.h"

/** Checks that every rank runs the same version of the program with the same
 *  configuration (except data.dir), and, for a reduction with a fixed order, on the
 *  same type of processor.  Collective; the same status on all ranks.  Errors:
 *  SN_ECONFIG, with the first rank that differs and the difference; SN_ENOMEM, SN_EMPI.
 */
sn_status sn_preflight_check(sn_comm *comm, const sn_config *config,
                             sn_error *err) SN_MUST_CHECK;

/** Warns if the ranks of a node outnumber the cores to which they are bound.
 *  Collective.  Errors: SN_EMPI. */
sn_status sn_preflight_warn_cores(const sn_context *context, sn_console *console,
                                  sn_error *err) SN_MUST_CHECK;

#endif
