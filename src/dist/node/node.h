/* SPDX-License-Identifier: BSD-3-Clause */
/** What ranks of a node share: memory and cores. */
#ifndef SHARDNET_DIST_NODE_NODE_H
#define SHARDNET_DIST_NODE_NODE_H

#include <stddef.h>
#include <stdint.h>

#include "dist/comm/comm.h"
#include "dist/node/shared.h"

/** Memory that all ranks of a node see. */
typedef struct sn_node_memory {
    sn_shared shared; /* base is NULL for a private copy */
    uint8_t *data;    /* (bytes) */
    size_t bytes;
} sn_node_memory;

/** bytes of memory, one copy per node in /dev/shm, or a private copy on every rank
 *  where /dev/shm has too little or ulimit -f forbids it.  Collective.  On failure
 *  nothing is held.  SN_ENOMEM, SN_EMPI. */
sn_status sn_node_memory_init(sn_comm *comm, size_t bytes, sn_node_memory *memory,
                              sn_error *err) SN_MUST_CHECK;

/** Accepts zeroes.  Not collective. */
void sn_node_memory_clear(sn_node_memory *memory);

/** Makes what the node's leader wrote visible to its ranks: a barrier for one copy, a
 *  broadcast for private copies.  Collective.  SN_EMPI. */
sn_status sn_node_memory_publish(sn_comm *comm, sn_node_memory *memory,
                                 sn_error *err) SN_MUST_CHECK;

/** Cores and threads of the ranks of this node.  A core with several hardware threads
 * is one to threads, but as many as it has of them to the others. */
typedef struct sn_node_cores {
    int mask_cores; /* cores this rank may run on */
    int node_cores; /* cores that the ranks of the node may run on together */
    int threads;    /* for this rank, so that the sum over the node stays within its
                       cores, and within the quota of its control group, where these are
                       at least as many as ranks */
    int most;       /* threads that this rank may have when asked for, by the mask */
} sn_node_cores;

/** Reads the affinity masks of the node's ranks and shares the cores out: a core that k
 *  ranks may use counts 1/k for each.  Collective.  SN_ENOMEM, SN_EMPI. */
sn_status sn_node_cores_find(sn_comm *comm, sn_node_cores *cores,
                             sn_error *err) SN_MUST_CHECK;

#endif
