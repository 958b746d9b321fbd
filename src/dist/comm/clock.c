/* SPDX-License-Identifier: BSD-3-Clause */
#include "dist/comm/clock.h"

#include <math.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/system/clock.h"
#include "dist/comm/internal.h"

enum { EXCHANGES = 20, TAG = 1 };

double sn_comm_clock(const sn_comm *comm)
{
    static const double error_seconds = 1000;
    const bool wrong = sn_fault_check("clock.wrong", comm->rank, -1, NULL) != SN_OK;
    return sn_clock_seconds() + (wrong ? error_seconds : 0);
}

/* Answers the leader of another node with the time of rank 0. */
static sn_status answer(sn_comm *comm, int leader, sn_error *err)
{
    int code = MPI_SUCCESS;
    for (int i = 0; i < EXCHANGES && code == MPI_SUCCESS; i++) {
        code =
            MPI_Recv(NULL, 0, MPI_DOUBLE, leader, TAG, comm->world, MPI_STATUS_IGNORE);
        const double now = sn_comm_clock(comm);
        if (code == MPI_SUCCESS) {
            code = MPI_Send(&now, 1, MPI_DOUBLE, leader, TAG, comm->world);
        }
    }
    return sn_mpi_check(code, "exchange of clocks", err);
}

/* Asks rank 0 for its time. */
static sn_status ask(sn_comm *comm, double *offset, sn_error *err)
{
    int code = MPI_SUCCESS;
    double shortest = INFINITY;
    for (int i = 0; i < EXCHANGES && code == MPI_SUCCESS; i++) {
        double theirs = 0;
        const double begun = sn_comm_clock(comm);
        code = MPI_Send(NULL, 0, MPI_DOUBLE, 0, TAG, comm->world);
        if (code == MPI_SUCCESS) {
            code = MPI_Recv(&theirs, 1, MPI_DOUBLE, 0, TAG, comm->world,
                            MPI_STATUS_IGNORE);
        }
        const double ended = sn_comm_clock(comm);
        if (ended - begun < shortest) {
            shortest = ended - begun;
            *offset = theirs - (begun + ended) / 2;
        }
    }
    return sn_mpi_check(code, "exchange of clocks", err);
}

sn_status sn_comm_clock_offset(sn_comm *comm, double *offset, sn_error *err)
{
    const bool leads = comm->node_rank == 0;
    const size_t ranks = comm->rank == 0 ? (size_t)comm->size : 0;
    sn_status status;
    bool *leaders =
        sn_comm_allocate(comm, ranks, sizeof *leaders, "clocks", &status, err);
    *offset = 0;
    if (status == SN_OK) {
        status = sn_comm_gather(comm, &leads, sizeof leads, leaders, err);
    }
    for (size_t r = 1; r < ranks && status == SN_OK; r++) {
        status = leaders[r] ? answer(comm, (int)r, err) : SN_OK;
    }
    if (status == SN_OK && leads && comm->rank != 0) {
        status = ask(comm, offset, err);
    }
    free(leaders);
    return status == SN_OK ? sn_comm_node_broadcast(comm, offset, sizeof *offset, err)
                           : status;
}
