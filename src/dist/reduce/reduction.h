/** How gradients are combined over ranks.  Each kind of reduction is one file of this
 *  folder, which states its algorithm, cost and source; nothing outside the folder asks
 *  which kind it is.
 *
 *  A step: _begin; for each piece of the batch, gradient || tail into _buffer and
 *  _push; _finish gives the sum over all pieces of all ranks. */
#ifndef SHARDNET_DIST_REDUCE_REDUCTION_H
#define SHARDNET_DIST_REDUCE_REDUCTION_H

#include <stdbool.h>
#include <stddef.h>

#include "shardnet/comm.h"

/** All kinds, in the order of the key comm.reduce. */
#define SN_REDUCTION_TABLE(X)                                                          \
    X(ALLREDUCE, allreduce)                                                            \
    X(OVERLAP, overlap)                                                                \
    X(NODE, node)                                                                      \
    X(REPRODUCIBLE, reproducible)

#define SN_REDUCTION_ENUM(symbol, name) SN_REDUCE_##symbol,
typedef enum sn_reduce_kind {
    SN_REDUCTION_TABLE(SN_REDUCTION_ENUM) SN_REDUCE_AUTO /* not chosen yet */
} sn_reduce_kind;
#undef SN_REDUCTION_ENUM

/** How the gradient travels; the tail always travels as float32. */
typedef enum sn_wire {
    SN_WIRE_FP32,
    SN_WIRE_BF16 /* half the bytes; every gradient, and every sum of two, is rounded to
                    8 bits of significand: 2^-8 relative, (1 + log2 p) times for p ranks
                  */
} sn_wire;

typedef struct sn_reduction_kind sn_reduction_kind;

/** What is reduced and how; the settings of all kinds. */
typedef struct sn_reduction_spec {
    const sn_reduction_kind *kind;
    size_t gradient, tail; /* elements; the tail follows the gradient */
    int microbatches;      /* per batch, where the order of additions is fixed */
    size_t bucket;         /* elements of a message of overlap, at least 1 */
    sn_wire wire;
} sn_reduction_spec;

/** Links between p ranks, for the model of the cost. */
typedef struct sn_reduction_links {
    int ranks;
    double latency_seconds, bytes_per_second;
} sn_reduction_links;

typedef struct sn_reduction sn_reduction;

/** One kind: facts for callers, and functions for reduction.c (see internal.h), of
 *  which begin, push and ready may be NULL. */
struct sn_reduction_kind {
    const char *name;
    bool fixed_order; /* the sum has the same bits on any number of ranks: the batch is
                         cut into microbatches, not into one shard per rank */
    bool takes_bf16;  /* wire may be SN_WIRE_BF16 */
    bool measured;    /* reduce = auto measures this kind */

    size_t (*bytes)(const sn_reduction_spec *spec, int rank, int size, int node_size);

    size_t object_bytes;
    sn_status (*open)(sn_reduction *reduction, sn_error *err);
    void (*close)(sn_reduction *reduction);
    void (*begin)(sn_reduction *reduction);
    void (*push)(sn_reduction *reduction);
    void (*ready)(sn_reduction *reduction, size_t first); /* during the backward pass */
    sn_status (*finish)(sn_reduction *reduction, sn_error *err);
};

/** The kind of an sn_reduce_kind; allreduce for SN_REDUCE_AUTO.  Pure. */
const sn_reduction_kind *sn_reduction_of(int kind);

/** Can size ranks (0: not known yet) reduce this?  SN_ECONFIG, with the setting's key
 *  of section comm in *key; SN_ERANGE where gradient and tail exceed an MPI count.
 *  Pure. */
sn_status sn_reduction_check(const sn_reduction_spec *spec, int size, const char **key,
                             sn_error *err) SN_MUST_CHECK;

/** Pieces [begin, end) of the total pieces of a batch. */
typedef struct sn_pieces {
    int begin, end, total;
} sn_pieces;

/** The pieces that a rank computes: its shard, or its microbatches.  Pure. */
sn_pieces sn_reduction_pieces(const sn_reduction_spec *spec, int rank, int size);

/** Memory of the buffers that _create makes on a rank.  Pure. */
size_t sn_reduction_bytes(const sn_reduction_spec *spec, int rank, int size,
                          int node_size);

/** The time of one reduction of n bytes on p ranks, 2 ceil(log2 p) alpha + 2 (p - 1) /
 *  p n beta: reduce-scatter and allgather (Rabenseifner 2004).  Pure. */
double sn_reduction_seconds(const sn_reduction_spec *spec,
                            const sn_reduction_links *links);

/** Makes the buffers, and all that the reduction needs, so that a step allocates
 *  nothing.  allreduce stands in where the ranks cannot have the kind, and for one rank
 *  unless the order is fixed.  Collective.  As sn_reduction_check; SN_ENOMEM, SN_EMPI.
 */
sn_status sn_reduction_create(sn_comm *comm, const sn_reduction_spec *spec,
                              sn_reduction **reduction, sn_error *err) SN_MUST_CHECK;

/** Accepts NULL.  Collective, between steps. */
void sn_reduction_destroy(sn_reduction **reduction);

/** True where the ranks cannot have the kind and allreduce stands in. */
bool sn_reduction_is_replaced(const sn_reduction *reduction);

/** One line for the console, without its end. */
void sn_reduction_describe(const sn_reduction *reduction, char *text, size_t bytes);

/** Precedes the first write of a step: this rank has read the last sum.  Collective
 *  over the node, may wait. */
void sn_reduction_begin(sn_reduction *reduction);

/** The pieces of a batch that this rank computes.  Pure. */
sn_pieces sn_reduction_own_pieces(const sn_reduction *reduction);

/** Where the next piece's gradient || tail is written.  Not collective. */
float *sn_reduction_buffer(const sn_reduction *reduction);

/** The piece in the buffer is complete.  Not collective. */
void sn_reduction_push(sn_reduction *reduction);

/** Whether the backward pass should call sn_reduction_ready. */
bool sn_reduction_wants_ready(const sn_reduction *reduction);

/** The buffer is final from element first to the end of the gradient: reductions start
 *  that need no more.  reduction is an sn_reduction; the type is sn_observer.  Not
 *  collective, does not wait. */
void sn_reduction_ready(void *reduction, size_t first);

/** *sum (gradient || tail), valid until the next _begin, after all pieces were pushed.
 *  Collective.  SN_EMPI. */
sn_status sn_reduction_finish(sn_reduction *reduction, const float **sum,
                              sn_error *err) SN_MUST_CHECK;

#endif
