#include "shardnet/comm_mpi.h"

#include <stdlib.h>

#include "dist/internal.h"

/* Other threads write checkpoints and watch, without calling MPI. */
static sn_status check_threads(sn_error *err)
{
    int started = 0, finished = 0, level = MPI_THREAD_SINGLE;
    MPI_Initialized(&started);
    MPI_Finalized(&finished);
    if (started && !finished) {
        MPI_Query_thread(&level);
    }
    return level >= MPI_THREAD_FUNNELED
               ? SN_OK
               : sn_fail(err, SN_ECONFIG,
                         "communicator: MPI is not running with threads; start it with "
                         "MPI_Init_thread and MPI_THREAD_FUNNELED");
}

sn_status sn_comm_adopt(MPI_Comm communicator, sn_comm **out, sn_error *err)
{
    *out = NULL;
    sn_status status = check_threads(err);
    if (status != SN_OK) {
        return status;
    }
    sn_comm *comm = calloc(1, sizeof *comm);
    int lacking = comm == NULL, all_lacking;
    status = sn_mpi_check(
        MPI_Allreduce(&lacking, &all_lacking, 1, MPI_INT, MPI_MAX, communicator),
        "MPI_Allreduce", err);
    if (status == SN_OK && all_lacking) {
        status = sn_fail(err, SN_ENOMEM, "communicator: out of memory");
    }
    if (status == SN_OK) {
        comm->task = -1;
        status = sn_comm_describe(comm, communicator, err);
    }
    if (status != SN_OK && comm != NULL) {
        sn_comm_finish(&comm);
    }
    *out = comm;
    return status;
}
