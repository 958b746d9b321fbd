/* Communicators of some of the ranks, and how the rest wait. */
#include <time.h>

#include "dist/comm/internal.h"

sn_status sn_comm_part(sn_comm *comm, bool member, sn_comm **part, sn_error *err)
{
    MPI_Comm members = MPI_COMM_NULL;
    *part = NULL;
    sn_status status = sn_mpi_check(
        MPI_Comm_split(comm->world, member ? 0 : MPI_UNDEFINED, comm->rank, &members),
        "MPI_Comm_split", err);
    if (status != SN_OK) {
        return status;
    }
    if (members != MPI_COMM_NULL) {
        status = sn_comm_make(members, part, err);
        MPI_Comm_free(&members);
    }
    status = sn_comm_agree(comm, status, err);
    if (status != SN_OK) {
        sn_comm_finish(part);
    }
    return status;
}

sn_status sn_comm_rest(sn_comm *comm, sn_error *err)
{
    const struct timespec nap = {.tv_nsec = 5000000};
    MPI_Request request;
    int done = 0;
    int code = MPI_Ibarrier(comm->world, &request);
    while (code == MPI_SUCCESS && !done) {
        code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (!done) {
            nanosleep(&nap, NULL);
        }
    }
    return sn_mpi_check(code, "barrier", err);
}
