/* SPDX-License-Identifier: BSD-3-Clause */
/** Declarations that only the files of dist use. */
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
    int task;     /* number that the launcher gave this process, -1 if unknown */
    int owns_mpi; /* sn_comm_finish ends MPI */
    char host[SN_HOST_BYTES];
    struct sn_watchdog *watchdog; /* NULL if none runs */
};

/** Converts the return code of an MPI call: SN_OK for MPI_SUCCESS, else SN_EMPI with
 *  the message "WHAT: MPI's explanation".  Not collective. */
sn_status sn_mpi_check(int code, const char *what, sn_error *err) SN_MUST_CHECK;

/** Sets *all to true if mine is true on every rank of comm.  Collective.  Errors:
 *  SN_EMPI, with *all false. */
sn_status sn_mpi_all(MPI_Comm comm, bool mine, bool *all, sn_error *err) SN_MUST_CHECK;

/** Returns true if an MPI call has failed in this process.  Other ranks may then wait
 *  in another collective call, so the only way out is sn_comm_abort.  Not collective.
 */
bool sn_mpi_has_failed(void);

#endif
