/* SPDX-License-Identifier: BSD-3-Clause */
/** What stays constant for a rank of a job: its place among the ranks, its cores. */
#ifndef SHARDNET_TRAIN_CONTEXT_H
#define SHARDNET_TRAIN_CONTEXT_H

#include "config/config.h"
#include "dist/comm/comm.h"
#include "dist/node/node.h"

typedef struct sn_context {
    sn_comm *comm; /* the caller's */
    int rank, size;
    sn_node_cores cores;
    int threads; /* of this rank, for products and loops */
} sn_context;

/** Finds the cores of the node, chooses the number of threads and hands it to the BLAS,
 *  and checks that this processor supports compute.precision.  Collective; the same
 *  status on all ranks.  SN_ECONFIG, SN_ENOMEM, SN_EMPI. */
sn_status sn_context_open(sn_context *context, sn_comm *comm, const sn_config *config,
                          sn_error *err) SN_MUST_CHECK;

#endif
