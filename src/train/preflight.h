/* SPDX-License-Identifier: BSD-3-Clause */
/** Mistakes of a launch, found before training (internal to train). */
#ifndef SHARDNET_TRAIN_PREFLIGHT_H
#define SHARDNET_TRAIN_PREFLIGHT_H

#include "train/console.h"
#include "train/context.h"

/** Every rank must run the same version of the program with the same configuration (but
 *  for data.dir) and, for reproducible sums, on the same type of processor.
 *  Collective.  SN_ECONFIG names the first rank that differs, and in what; SN_ENOMEM,
 *  SN_EMPI. */
sn_status sn_preflight_check(sn_comm *comm, const sn_config *config,
                             sn_error *err) SN_MUST_CHECK;

/** Warns where the ranks of a node are bound to fewer cores than they are, and the node
 *  has more.  Collective.  SN_EMPI. */
sn_status sn_preflight_warn_of_binding(const sn_context *context, sn_console *console,
                                       sn_error *err) SN_MUST_CHECK;

#endif
