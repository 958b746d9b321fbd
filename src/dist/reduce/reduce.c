#include "dist/reduce/reduce.h"

#include <limits.h>

#include "base/fault.h"
#include "dist/comm/internal.h"

sn_status sn_reduce_check(size_t arena, sn_error *err)
{
    if (arena > (size_t)INT_MAX - SN_TAIL_COUNT_OF) {
        return sn_fail(
            err, SN_ERANGE,
            "model: %zu parameters exceed one MPI message (%d); use a smaller "
            "model",
            arena, INT_MAX - SN_TAIL_COUNT_OF);
    }
    return SN_OK;
}

sn_status sn_reduce_sum(sn_comm *comm, float *message, size_t arena, sn_error *err)
{
    if (comm->size == 1) {
        return SN_OK;
    }
    sn_status status = sn_reduce_check(arena, err);
    if (status != SN_OK) {
        return status;
    }
    /* for tests: MPI refuses on this rank while the others wait */
    const bool refused = sn_fault_check("reduce.type", comm->rank, -1, err) != SN_OK;
    return sn_mpi_check(
        MPI_Allreduce(MPI_IN_PLACE, message, (int)(arena + SN_TAIL_COUNT_OF),
                      refused ? MPI_DATATYPE_NULL : MPI_FLOAT, MPI_SUM, comm->world),
        "sum of gradients", err);
}
