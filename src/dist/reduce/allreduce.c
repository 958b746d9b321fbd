/* SPDX-License-Identifier: BSD-3-Clause */
/* The plain reduction: one blocking MPI_Allreduce of gradient || tail, in place.
 *
 * MPI chooses the algorithm and the order of additions.  Cost for n bytes on p ranks:
 * 2 ceil(log2 p) alpha + 2 (p - 1) / p n beta (Rabenseifner 2004).  His algorithm
 * exchanges the longest messages between neighbours.  So each of m nodes with q ranks
 * sends 2 (m - 1) / m n bytes, if m and q are powers of two. */
#include <stdlib.h>

#include "base/fault.h"
#include "base/mem.h"
#include "dist/reduce/internal.h"

static size_t allreduce_bytes(const sn_reduction_spec *spec, int rank, int size,
                              int node_size)
{
    (void)rank, (void)size, (void)node_size;
    return sn_reduction_length(spec) * sizeof(float);
}

static sn_status allreduce_open(sn_reduction *r, sn_error *err)
{
    r->buffer = r->sum = sn_alloc(sn_reduction_length(&r->spec), sizeof(float));
    return r->buffer == NULL
               ? sn_fail(err, SN_ENOMEM,
                         "gradients (%zu parameters): out of memory; use fewer ranks "
                         "per node",
                         r->spec.gradient)
               : SN_OK;
}

static void allreduce_close(sn_reduction *r)
{
    free(r->buffer);
}

static sn_status allreduce_finish(sn_reduction *r, sn_error *err)
{
    if (r->comm->size == 1) {
        return SN_OK;
    }
    /* A test makes MPI fail on this rank while the others wait in the call. */
    const bool refused = sn_fault_check("reduce.type", r->comm->rank, -1, err) != SN_OK;
    return sn_mpi_check(
        MPI_Allreduce(MPI_IN_PLACE, r->sum, (int)sn_reduction_length(&r->spec),
                      refused ? MPI_DATATYPE_NULL : MPI_FLOAT, MPI_SUM, r->comm->world),
        "gradient reduction", err);
}

const sn_reduction_kind sn_reduction_allreduce = {.name = "allreduce",
                                                  .allows_bf16 = true,
                                                  .bytes = allreduce_bytes,
                                                  .traffic =
                                                      sn_reduction_halving_of_nodes,
                                                  .object_bytes = sizeof(sn_reduction),
                                                  .open = allreduce_open,
                                                  .close = allreduce_close,
                                                  .finish = allreduce_finish};
