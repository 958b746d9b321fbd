/* SPDX-License-Identifier: BSD-3-Clause */
/** What the files of reduce share. */
#ifndef SHARDNET_DIST_REDUCE_INTERNAL_H
#define SHARDNET_DIST_REDUCE_INTERNAL_H

#include "dist/comm/internal.h"
#include "dist/reduce/reduction.h"

/** The head of every kind's object.  open sets buffer and sum; where the ranks cannot
 *  have this kind it returns SN_OK on all of them and leaves buffer NULL.  close
 *  follows open also when open failed. */
struct sn_reduction {
    const sn_reduction_kind *kind; /* does the work, as spec.kind or in its place */
    sn_comm *comm;
    sn_reduction_spec spec;
    float *buffer; /* of the next piece */
    float *sum;
};

#define SN_REDUCTION_OBJECT(symbol, name)                                              \
    extern const sn_reduction_kind sn_reduction_##name;
SN_REDUCTION_TABLE(SN_REDUCTION_OBJECT)
#undef SN_REDUCTION_OBJECT

/** allreduce with wire bf16: one bucket of overlap.c, sent after the backward pass. */
extern const sn_reduction_kind sn_reduction_one_bucket;

/** sum (count) += a (count). */
void sn_reduction_add(size_t count, const float *a, float *sum);

/** Elements of gradient || tail. */
static inline size_t sn_reduction_length(const sn_reduction_spec *spec)
{
    return spec->gradient + spec->tail;
}

#endif
