/* SPDX-License-Identifier: BSD-3-Clause */
/** The context: values of a rank that stay constant while the job runs. */
#ifndef SHARDNET_TRAIN_STEP_CONTEXT_H
#define SHARDNET_TRAIN_STEP_CONTEXT_H

#include "config/config.h"
#include "dist/comm/comm.h"
#include "dist/node/node.h"

typedef struct sn_context {
    sn_comm *comm; /* the caller owns it */
    int rank, size;
    sn_node_cores cores;
    int threads; /* number of threads for products and loops */
} sn_context;

/** Reads the cores of the node, sets the number of threads of the BLAS, and checks that
 *  the CPU supports compute.precision.  The context needs no release.  Collective; the
 *  same status on all ranks.  Errors: SN_ECONFIG, SN_ENOMEM, SN_EMPI. */
sn_status sn_context_open(sn_context *context, sn_comm *comm, const sn_config *config,
                          sn_error *err) SN_MUST_CHECK;

#endif
