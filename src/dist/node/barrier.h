/* SPDX-License-Identifier: BSD-3-Clause */
/** A barrier of the ranks of a node in shared memory.  Each rank has a flag, which
 *  counts its rounds; only this rank writes it.  A barrier of MPI costs several times
 *  as much. */
#ifndef SHARDNET_DIST_NODE_BARRIER_H
#define SHARDNET_DIST_NODE_BARRIER_H

#include <stddef.h>
#include <stdint.h>

#include "dist/comm/comm.h"

typedef struct sn_node_barrier {
    void *flags;    /* shared by the ranks of the node */
    int rank, size; /* place of this rank on the node */
    uint64_t round; /* number of times that this rank has raised its flag */
} sn_node_barrier;

/** Returns the bytes of shared memory that the barrier of size ranks needs. */
size_t sn_node_barrier_bytes(int size);

/** Returns the barrier of the node's ranks.  flags are zeros, aligned to 64 bytes, and
 *  at the same place of a shared segment on all ranks. */
sn_node_barrier sn_node_barrier_at(const sn_comm *comm, void *flags);

/** Raises the flag of this rank: its earlier writes become visible to each
 *  rank that waits for the flag.  Does not wait. */
void sn_node_barrier_raise(sn_node_barrier *barrier);

/** Waits until all ranks of the node have raised their flags as often as this rank.
 *  The rank reads the flags in a loop and yields its core from time to time. */
void sn_node_barrier_wait(const sn_node_barrier *barrier);

/** Raises the flag, then waits.  Collective over the node. */
void sn_node_barrier_meet(sn_node_barrier *barrier);

#endif
