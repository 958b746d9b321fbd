/* SPDX-License-Identifier: BSD-3-Clause */
/** Communicators inside the program: nodes, agreement on errors, broadcasts.  mpi.h
 *  stays behind this header. */
#ifndef SHARDNET_DIST_COMM_COMM_H
#define SHARDNET_DIST_COMM_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shardnet/comm.h"

enum { SN_HOST_BYTES = 64 };

/** Number of this process among its launcher's tasks, from the environment alone, so
 *  before MPI starts; -1 where no launcher says.  Not collective. */
int sn_comm_launch_task(void);

/** Not collective. */
int sn_comm_node_rank(const sn_comm *comm); /* 0 leads its node */
int sn_comm_node_size(const sn_comm *comm);
int sn_comm_node_count(const sn_comm *comm);
const char *sn_comm_host(const sn_comm *comm);

/** True on the one process that speaks for the job: rank 0, or task 0 when a broken
 *  launch made every task its own rank 0. */
bool sn_comm_prints(const sn_comm *comm);

/** Every rank gives its own status; all get the worst one and, in err, the message of
 * the lowest rank that has it.  Collective; one small allreduce, and a broadcast only
 * when something failed.  Returns SN_EMPI when MPI failed. */
sn_status sn_comm_agree(sn_comm *comm, sn_status status, sn_error *err) SN_MUST_CHECK;

/** bytes at data from root to all.  Collective.  SN_EMPI. */
sn_status sn_comm_broadcast(sn_comm *comm, void *data, size_t bytes, int root,
                            sn_error *err) SN_MUST_CHECK;

/** As sn_comm_broadcast within the node, from its leader. */
sn_status sn_comm_node_broadcast(sn_comm *comm, void *data, size_t bytes,
                                 sn_error *err) SN_MUST_CHECK;

/** Sums, in place, on all ranks.  Collective.  SN_EMPI. */
sn_status sn_comm_sum_double(sn_comm *comm, double *values, int count,
                             sn_error *err) SN_MUST_CHECK;

/** bytes of every rank, in rank order, into all (size * bytes) on rank 0; all may be
 *  NULL elsewhere.  Collective.  SN_EMPI. */
sn_status sn_comm_gather(sn_comm *comm, const void *mine, size_t bytes, void *all,
                         sn_error *err) SN_MUST_CHECK;

/** Gives all ranks the text (bytes) of the lowest rank that says yes; *any is false,
 *  and every rank keeps its own, where none does.  Collective.  SN_EMPI. */
sn_status sn_comm_share_first(sn_comm *comm, bool yes, char *text, size_t bytes,
                              bool *any, sn_error *err) SN_MUST_CHECK;

/** Memory of sn_alloc on every rank, which each releases with free(), or NULL on all of
 *  them, with SN_ENOMEM "WHAT: out of memory", where one lacks it.  Collective; bytes
 *  and count may differ between ranks.  SN_EMPI. */
void *sn_comm_allocate(sn_comm *comm, size_t count, size_t bytes, const char *what,
                       sn_status *status, sn_error *err) SN_MUST_CHECK;

#endif
