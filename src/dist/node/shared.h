/* SPDX-License-Identifier: BSD-3-Clause */
/** Memory that the ranks of a node share.
 *
 *  A file of /dev/shm whose whole size is allocated before anybody writes to it: a page
 *  that turns out to be missing later would be the end of the process (SIGBUS), and a
 *  window of MPI_Win_allocate_shared fails on one rank while the others wait inside. */
#ifndef SHARDNET_DIST_NODE_SHARED_H
#define SHARDNET_DIST_NODE_SHARED_H

#include <stddef.h>

#include "dist/comm/comm.h"

typedef struct sn_shared {
    char *base; /* the head, on a page of its own; NULL for no shared memory */
    size_t bytes;
    size_t head_bytes, part_bytes; /* whole pages */
} sn_shared;

/** head bytes for all, and part bytes for each rank of the node: zeros, each part in
 *  pages near the cores of its rank, the head near the leader's.  What cannot be had
 *  (size of /dev/shm, ulimit -f, ranks that do not see the same /dev/shm) is SN_OK with
 *  base NULL, on all ranks of the node alike.  Nothing remains when the ranks end,
 *  however they do.  Collective over the node.  SN_EMPI. */
sn_status sn_shared_map(sn_comm *comm, size_t head, size_t part, sn_shared *shared,
                        sn_error *err) SN_MUST_CHECK;

/** The part of a rank of the node, where base is not NULL.  Not collective. */
char *sn_shared_part(const sn_shared *shared, int node_rank);

/** Gives back this rank's view; accepts what has no base.  Not collective. */
void sn_shared_unmap(sn_shared *shared);

#endif
