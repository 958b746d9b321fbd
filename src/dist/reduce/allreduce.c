/* One blocking MPI_Allreduce of gradient || tail, in place.
 *
 * The algorithm is MPI's, and with it the order of additions.  Cost for n bytes on p
 * ranks: 2 ceil(log2 p) alpha + 2 (p - 1) / p n beta (Rabenseifner 2004).  With wire
 * bf16 the gradient is one bucket of overlap.c, which is sent after the backward pass.
 */
#include <stdlib.h>

#include "base/fault.h"
#include "base/mem.h"
#include "dist/reduce/internal.h"

static bool is_bucketed(const sn_reduction_spec *spec, int size)
{
    return spec->wire != SN_WIRE_FP32 && size > 1;
}

static size_t allreduce_bytes(const sn_reduction_spec *spec, int rank, int size,
                              int node_size)
{
    return is_bucketed(spec, size) ? sn_bucketed_bytes(spec, rank, size, node_size)
                                   : sn_reduction_length(spec) * sizeof(float);
}

static sn_status allreduce_open(sn_reduction *r, sn_error *err)
{
    if (is_bucketed(&r->spec, r->comm->size)) {
        r->spec.bucket = r->spec.gradient;
        return sn_bucketed_open(r, err);
    }
    r->buffer = r->sum = sn_alloc(sn_reduction_length(&r->spec), sizeof(float));
    return r->buffer == NULL
               ? sn_fail(err, SN_ENOMEM,
                         "gradients (%zu parameters): out of memory; use fewer ranks "
                         "on a node",
                         r->spec.gradient)
               : SN_OK;
}

static void allreduce_close(sn_reduction *r)
{
    if (is_bucketed(&r->spec, r->comm->size)) {
        sn_bucketed_close(r);
    } else {
        free(r->buffer);
    }
}

static sn_status allreduce_finish(sn_reduction *r, sn_error *err)
{
    if (is_bucketed(&r->spec, r->comm->size)) {
        return sn_bucketed_finish(r, err);
    }
    if (r->comm->size == 1) {
        return SN_OK;
    }
    /* for tests: MPI refuses on this rank while the others wait */
    const bool refused = sn_fault_check("reduce.type", r->comm->rank, -1, err) != SN_OK;
    return sn_mpi_check(
        MPI_Allreduce(MPI_IN_PLACE, r->sum, (int)sn_reduction_length(&r->spec),
                      refused ? MPI_DATATYPE_NULL : MPI_FLOAT, MPI_SUM, r->comm->world),
        "sum of gradients", err);
}

const sn_reduction_kind sn_reduction_allreduce = {.name = "allreduce",
                                                  .takes_bf16 = true,
                                                  .measured = true,
                                                  .bytes = allreduce_bytes,
                                                  .seconds = sn_reduction_flat_seconds,
                                                  .object_bytes = sizeof(sn_bucketed),
                                                  .open = allreduce_open,
                                                  .close = allreduce_close,
                                                  .finish = allreduce_finish};
