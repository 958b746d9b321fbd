#include "dist/comm/internal.h"

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
    status = sn_comm_make(communicator, out, err);
    if (status != SN_OK) {
        sn_comm_finish(out);
    }
    return status;
}
