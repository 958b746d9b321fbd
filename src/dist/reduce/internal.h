/* SPDX-License-Identifier: BSD-3-Clause */
/** Declarations that only the files of reduce use. */
#ifndef SHARDNET_DIST_REDUCE_INTERNAL_H
#define SHARDNET_DIST_REDUCE_INTERNAL_H

#include "dist/comm/internal.h"
#include "dist/reduce/reduction.h"

/** The first member of every kind's object.  open sets buffer and sum; if the ranks
 *  cannot use the kind, open returns SN_OK on all of them and leaves buffer NULL.
 *  reduction.c calls close after open even if open failed. */
struct sn_reduction {
    const sn_reduction_kind *kind; /* spec.kind, or the kind that replaces it */
    sn_comm *comm;
    sn_reduction_spec spec;
    float *buffer; /* gradient buffer of the next microbatch */
    float *sum;    /* the reduced gradient buffer after finish */
};

#define SN_REDUCTION_OBJECT(symbol, name)                                              \
    extern const sn_reduction_kind sn_reduction_##name;
SN_REDUCTION_TABLE(SN_REDUCTION_OBJECT)
#undef SN_REDUCTION_OBJECT

/** allreduce with wire bf16: overlap.c with one bucket, sent after the backward pass.
 */
extern const sn_reduction_kind sn_reduction_one_bucket;

/** Computes sum (count) += a (count). */
void sn_reduction_add(size_t count, const float *a, float *sum);

/** Returns sn_reduction_halving(nodes), the cost of a kind whose ranks of a node
 *  together send one buffer.  Pure. */
sn_reduction_traffic sn_reduction_halving_of_nodes(int nodes, int node_ranks);

/** Returns the number of elements of gradient || tail. */
static inline size_t sn_reduction_length(const sn_reduction_spec *spec)
{
    return spec->gradient + spec->tail;
}

#endif
