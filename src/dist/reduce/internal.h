/** What the files of reduce share. */
#ifndef SHARDNET_DIST_REDUCE_INTERNAL_H
#define SHARDNET_DIST_REDUCE_INTERNAL_H

#include <math.h>
#include <stdint.h>

#include "dist/comm/internal.h"
#include "dist/reduce/reduction.h"

/** The head of every kind's object.  open sets buffer and sum; where the ranks cannot
 *  have this kind it returns SN_OK on all of them and leaves buffer NULL.  close follows
 *  open also when open failed. */
struct sn_reduction {
    const sn_reduction_kind
        *kind; /* does the work, in the place of spec.kind or as it */
    sn_comm *comm;
    sn_reduction_spec spec;
    float *buffer; /* of the next piece */
    float *sum;
};

#define SN_REDUCTION_OBJECT(symbol, name)                                              \
    extern const sn_reduction_kind sn_reduction_##name;
SN_REDUCTION_TABLE(SN_REDUCTION_OBJECT)
#undef SN_REDUCTION_OBJECT

/** The object of overlap.c; allreduce.c sends its gradient in bf16 as one bucket.  Two
 *  buffers, and for bf16 4 bytes per element besides. */
typedef struct sn_bucketed {
    sn_reduction base;
    size_t buckets;            /* of the gradient */
    size_t started;            /* buckets in flight or done */
    MPI_Request *requests;     /* (buckets) */
    uint16_t *sent, *received; /* (gradient) for bf16, else NULL */
    MPI_Op add;                /* of bf16 */
    int code;                  /* of the first MPI call that failed */
} sn_bucketed;

size_t sn_bucketed_bytes(const sn_reduction_spec *spec, int rank, int size,
                         int node_size);
sn_status sn_bucketed_open(sn_reduction *r, sn_error *err) SN_MUST_CHECK;
void sn_bucketed_close(sn_reduction *r);
sn_status sn_bucketed_finish(sn_reduction *r, sn_error *err) SN_MUST_CHECK;

/** Elements of gradient || tail. */
static inline size_t sn_reduction_length(const sn_reduction_spec *spec)
{
    return spec->gradient + spec->tail;
}

/** 2 ceil(log2 p) alpha + 2 (p - 1) / p n beta for n bytes on p ranks: reduce-scatter
 *  and allgather (Rabenseifner 2004). */
static inline double sn_reduction_flat_seconds(const sn_reduction_spec *spec,
                                               const sn_reduction_links *links)
{
    const double p = links->ranks;
    const double bytes = (double)(sn_reduction_length(spec) *
                                  (spec->wire == SN_WIRE_BF16 ? 2 : sizeof(float)));
    return 2 * ceil(log2(p)) * links->latency_seconds +
           2 * (p - 1) / p * bytes / links->bytes_per_second;
}

#endif
