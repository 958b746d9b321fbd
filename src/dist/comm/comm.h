/* SPDX-License-Identifier: BSD-3-Clause */
/** The communicator as the program uses it: place on a node, agreement on errors,
 *  broadcasts.  Files outside dist include this header and never mpi.h. */
#ifndef SHARDNET_DIST_COMM_COMM_H
#define SHARDNET_DIST_COMM_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shardnet/comm.h"

enum { SN_HOST_BYTES = 64 };

/** Returns the number of this process among its launcher's tasks, or -1 if it is
 *  unknown.  The function reads the environment only and works before MPI starts.  Not
 *  collective. */
int sn_comm_launch_task(void);

/** Return the place of this rank: rank 0 of a node is the node's leader.  Not
 *  collective. */
int sn_comm_node_rank(const sn_comm *comm);
int sn_comm_node_size(const sn_comm *comm);
int sn_comm_node_count(const sn_comm *comm);
const char *sn_comm_host(const sn_comm *comm);

/** Returns true on the one process that prints for the job: rank 0, or task 0 if a
 *  broken launch made every task a rank 0 of its own.  Not collective. */
bool sn_comm_prints(const sn_comm *comm);

/** Combines the status of every rank: each rank returns the worst one, and err holds
 *  the message of the lowest rank that has it.  The cost is one small allreduce, and a
 *  broadcast if a rank failed.  A rank that passes SN_EMPI returns at once, without
 *  communication.  Collective.  Errors: the worst status, SN_EMPI. */
sn_status sn_comm_agree(sn_comm *comm, sn_status status, sn_error *err) SN_MUST_CHECK;

/** Copies data (bytes) from root to all ranks.  Collective.  Errors: SN_EMPI. */
sn_status sn_comm_broadcast(sn_comm *comm, void *data, size_t bytes, int root,
                            sn_error *err) SN_MUST_CHECK;

/** Copies data (bytes) from the node's leader to the other ranks of the node.
 *  Collective over the node.  Errors: SN_EMPI. */
sn_status sn_comm_node_broadcast(sn_comm *comm, void *data, size_t bytes,
                                 sn_error *err) SN_MUST_CHECK;

/** Copies data (bytes) from rank 0 to the leaders of the other nodes.  Collective.
 *  Errors: SN_EMPI. */
sn_status sn_comm_leaders_broadcast(sn_comm *comm, void *data, size_t bytes,
                                    sn_error *err) SN_MUST_CHECK;

/** Sums values (count) over all ranks, in place on every rank.  Collective.  Errors:
 *  SN_ERANGE if count exceeds an MPI count, SN_EMPI. */
sn_status sn_comm_sum_double(sn_comm *comm, double *values, size_t count,
                             sn_error *err) SN_MUST_CHECK;

/** Gathers mine (bytes) of every rank into all (size, bytes) on rank 0, in the order of
 *  the ranks; all may be NULL on the other ranks.  Collective.  Errors: SN_ERANGE if
 *  bytes exceeds an MPI count, SN_EMPI. */
sn_status sn_comm_gather(sn_comm *comm, const void *mine, size_t bytes, void *all,
                         sn_error *err) SN_MUST_CHECK;

/** Copies the text (bytes) of the lowest rank with yes to all ranks.  If no rank passes
 *  yes, *any is false and every rank keeps its own text.  Collective.  Errors: SN_EMPI.
 */
sn_status sn_comm_share_first(sn_comm *comm, bool yes, char *text, size_t bytes,
                              bool *any, sn_error *err) SN_MUST_CHECK;

/** Allocates count * bytes with sn_alloc on every rank; count and bytes may differ
 *  between ranks.  If one rank lacks the memory, all ranks return NULL.  The caller
 *  releases the memory with free().  Collective.  Errors, in *status: SN_ENOMEM with
 *  the message "WHAT: out of memory", SN_EMPI. */
void *sn_comm_allocate(sn_comm *comm, size_t count, size_t bytes, const char *what,
                       sn_status *status, sn_error *err) SN_MUST_CHECK;

#endif
