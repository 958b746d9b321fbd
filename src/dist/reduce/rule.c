/* SPDX-License-Identifier: BSD-3-Clause */
/* The rule of reduce = auto.  It measures nothing: two starts on the same ranks choose
 * the same reduction, and so compute the same bits. */
#include "dist/comm/internal.h"
#include "dist/reduce/internal.h"

/* A smaller gradient travels in so few messages that overlap hides nothing. */
enum { OVERLAP_BYTES = 4 << 20 };

sn_reduce_kind sn_reduction_rule(const sn_reduction_spec *spec, int ranks,
                                 int node_ranks)
{
    const int nodes = node_ranks > 0 ? ranks / node_ranks : ranks;
    const bool large = spec->gradient >= OVERLAP_BYTES / sizeof(float);
    return node_ranks > 1 && spec->wire == SN_WIRE_FP32 ? SN_REDUCE_NODE
           : nodes > 1 && large                         ? SN_REDUCE_OVERLAP
                                                        : SN_REDUCE_ALLREDUCE;
}

sn_status sn_reduction_choose(sn_comm *comm, const sn_reduction_spec *spec,
                              sn_reduce_kind *kind, sn_error *err)
{
    bool even;
    const sn_status status = sn_mpi_all(
        comm->world, comm->size == comm->node_size * comm->node_count, &even, err);
    *kind = sn_reduction_rule(spec, comm->size, even ? comm->node_size : 0);
    return status;
}
