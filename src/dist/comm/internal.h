/* SPDX-License-Identifier: BSD-3-Clause */
/** What the files of dist share. */
#ifndef SHARDNET_DIST_COMM_INTERNAL_H
#define SHARDNET_DIST_COMM_INTERNAL_H

#include <mpi.h>
#include <stdbool.h>

#include "dist/comm/comm.h"

struct sn_watchdog;

struct sn_comm {
    MPI_Comm world, node;
    int rank, size;
    int node_rank, node_size, node_count;
    int task; /* number of this process by its launcher, -1 where unknown */
    int owns_mpi;
    char host[SN_HOST_BYTES];
    struct sn_watchdog *watchdog; /* NULL for none */
};

/** SN_OK for MPI_SUCCESS, else SN_EMPI with MPI's own words. */
sn_status sn_mpi_check(int code, const char *what, sn_error *err) SN_MUST_CHECK;

/** *all: is mine true on every rank of comm?  Collective.  SN_EMPI, with *all false. */
sn_status sn_mpi_all(MPI_Comm comm, bool mine, bool *all, sn_error *err) SN_MUST_CHECK;

/** Has a call of MPI failed in this process?  Then peers may wait in another collective
 *  call, and nothing collective can be done any more but sn_comm_abort. */
bool sn_mpi_has_failed(void);

#endif
