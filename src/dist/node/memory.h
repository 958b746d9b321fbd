/* SPDX-License-Identifier: BSD-3-Clause */
/** Memory of which a node holds one copy: all of its ranks read it, and each may write
 *  a part.  Where the ranks cannot share memory, every rank has a private copy. */
#ifndef SHARDNET_DIST_NODE_MEMORY_H
#define SHARDNET_DIST_NODE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dist/comm/comm.h"
#include "dist/node/barrier.h"
#include "dist/node/shared.h"

typedef struct sn_node_memory {
    uint8_t *data; /* (bytes), aligned to 64 bytes */
    size_t bytes;
    int part, parts;         /* this rank writes part of parts; 0 of 1 if private */
    sn_shared shared;        /* base is NULL if the copy is private */
    sn_node_barrier barrier; /* only if shared */
} sn_node_memory;

/** Allocates bytes of zeros: if share is true, in /dev/shm, with pages spread over the
 *  ranks of the node; else a private copy for every rank.  The copies are also private
 *  on a node with one rank, where /dev/shm has too little space, and where ulimit -f
 *  forbids such a file.  what names the contents in an error.  On failure memory holds
 *  nothing.  Collective; a process without MPI passes comm NULL.  Errors: SN_ENOMEM,
 *  SN_EMPI. */
sn_status sn_node_memory_init(sn_comm *comm, size_t bytes, bool share, const char *what,
                              sn_node_memory *memory, sn_error *err) SN_MUST_CHECK;

/** Releases the memory; accepts a struct of zeros.  Not collective. */
void sn_node_memory_clear(sn_node_memory *memory);

/** Gives all ranks of the node the data that the node's leader wrote.  Collective over
 *  the node.  Errors: SN_EMPI. */
sn_status sn_node_memory_publish(sn_comm *comm, sn_node_memory *memory,
                                 sn_error *err) SN_MUST_CHECK;

/** Gives all ranks the data that rank 0 wrote.  Collective.  Errors: SN_EMPI. */
sn_status sn_node_memory_distribute(sn_comm *comm, sn_node_memory *memory,
                                    sn_error *err) SN_MUST_CHECK;

/** Waits until every rank of the node has written its part; does nothing for private
 *  copies.  Collective over the node. */
void sn_node_memory_meet(sn_node_memory *memory);

#endif
