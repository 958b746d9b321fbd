/* SPDX-License-Identifier: BSD-3-Clause */
/** A memory segment that the ranks of a node share.
 *
 *  The segment is a file in /dev/shm.  All of its pages are allocated before the first
 *  write: without that, a write for which /dev/shm has no page left ends the process
 *  with SIGBUS.  MPI_Win_allocate_shared is no alternative: it can fail on one rank
 *  while the other ranks wait inside the call. */
#ifndef SHARDNET_DIST_NODE_SHARED_H
#define SHARDNET_DIST_NODE_SHARED_H

#include <stddef.h>

#include "dist/comm/comm.h"

typedef struct sn_shared {
    char *base;                    /* start of the head; NULL if nothing is mapped */
    size_t bytes;                  /* size of the segment */
    size_t head_bytes, part_bytes; /* whole pages */
} sn_shared;

/** Maps a segment of zeros: head bytes for all ranks, then part bytes for each rank of
 *  the node.  Each part lies in pages near the cores of its rank, the head in pages
 *  near the leader's cores.  If the segment is impossible (/dev/shm is too small,
 *  ulimit -f is too low, or the ranks do not see the same /dev/shm), all ranks of the
 *  node return SN_OK with base NULL.  The system releases the segment when its last
 *  process ends.  Collective over the node.  Errors: SN_EMPI. */
sn_status sn_shared_map(sn_comm *comm, size_t head, size_t part, sn_shared *shared,
                        sn_error *err) SN_MUST_CHECK;

/** Returns the part of a rank of the node; base must not be NULL.  Not collective. */
char *sn_shared_part(const sn_shared *shared, int node_rank);

/** Unmaps the segment in this process; accepts base NULL.  Not collective. */
void sn_shared_unmap(sn_shared *shared);

#endif
