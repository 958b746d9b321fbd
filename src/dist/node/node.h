/* SPDX-License-Identifier: BSD-3-Clause */
/** Resources that the ranks of a node share: memory and cores. */
#ifndef SHARDNET_DIST_NODE_NODE_H
#define SHARDNET_DIST_NODE_NODE_H

#include <stddef.h>
#include <stdint.h>

#include "dist/comm/comm.h"
#include "dist/node/shared.h"

/** Memory that all ranks of a node read, and the node's leader writes. */
typedef struct sn_node_memory {
    sn_shared shared; /* base is NULL if every rank has a private copy */
    uint8_t *data;    /* (bytes) */
    size_t bytes;
} sn_node_memory;

/** Allocates bytes, one copy per node in /dev/shm.  If /dev/shm has too little space or
 *  ulimit -f forbids it, every rank allocates a private copy.  On failure memory holds
 *  nothing.  Collective.  Errors: SN_ENOMEM, SN_EMPI. */
sn_status sn_node_memory_init(sn_comm *comm, size_t bytes, sn_node_memory *memory,
                              sn_error *err) SN_MUST_CHECK;

/** Releases the memory; accepts a struct of zeros.  Not collective. */
void sn_node_memory_clear(sn_node_memory *memory);

/** Makes the data that the node's leader wrote visible to the other ranks of the node:
 *  a barrier for a shared copy, a broadcast for private copies.  Collective.  Errors:
 *  SN_EMPI. */
sn_status sn_node_memory_publish(sn_comm *comm, sn_node_memory *memory,
                                 sn_error *err) SN_MUST_CHECK;

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
