/* SPDX-License-Identifier: BSD-3-Clause */
/** The cores that the ranks of a node share. */
#ifndef SHARDNET_DIST_NODE_NODE_H
#define SHARDNET_DIST_NODE_NODE_H

#include "dist/comm/comm.h"

/** The cores of this rank and of its node.  mask_cores, node_cores and most count the
 *  hardware threads of a core; threads counts each core once. */
typedef struct sn_node_cores {
    int mask_cores; /* processors in the affinity mask of this rank */
    int node_cores; /* processors in the masks of all ranks of the node together */
    int threads;    /* number of threads for this rank, at least 1.  If cores and quota
                       allow one thread per rank, the sum over the node exceeds neither
                       the cores nor the quota of the control group. */
    int most;       /* largest number of threads that the mask allows this rank */
} sn_node_cores;

/** Reads the affinity masks of the ranks of the node and divides the cores among them:
 *  a core that k ranks may use counts 1/k for each.  Collective.  Errors: SN_ENOMEM,
 *  SN_EMPI. */
sn_status sn_node_cores_find(sn_comm *comm, sn_node_cores *cores,
                             sn_error *err) SN_MUST_CHECK;

#endif
