/* SPDX-License-Identifier: BSD-3-Clause */
/** The reduction combines the gradients of all ranks.  Each kind of reduction is one
 *  file of this folder, which states its algorithm, cost and source; no code outside
 *  the folder asks which kind is in use.
 *
 *  A microbatch is the part of a batch that a rank computes at once: its whole shard,
 *  or, in a reduction with a fixed order of additions, one of comm.leaves parts of the
 *  batch.
 *
 *  A training step calls _begin; then, per microbatch, it writes gradient || tail into
 *  _buffer and calls _push; then _finish returns the sum over all microbatches of all
 *  ranks. */
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
    SN_REDUCTION_TABLE(SN_REDUCTION_ENUM) SN_REDUCE_AUTO /* see sn_reduction_rule */
} sn_reduce_kind;
#undef SN_REDUCTION_ENUM

/** The format in which ranks send the gradient; the tail is always float32. */
typedef enum sn_wire {
    SN_WIRE_FP32,
    SN_WIRE_BF16 /* half the bytes; every gradient, and every sum of two, is rounded to
                    8 bits of significand: 2^-8 relative, (1 + log2 p) times for p ranks
                  */
} sn_wire;

typedef struct sn_reduction_kind sn_reduction_kind;

/** The sizes of the gradient buffer and the settings of all kinds. */
typedef struct sn_reduction_spec {
    const sn_reduction_kind *kind;
    size_t gradient, tail; /* elements; the tail follows the gradient */
    int microbatches;      /* per batch, if the order of additions is fixed */
    size_t bucket;         /* elements that overlap sends at once, at least 1 */
    sn_wire wire;          /* format of the gradient between ranks */
} sn_reduction_spec;

/** The cost of one reduction: input of a model of its time. */
typedef struct sn_reduction_traffic {
    double messages; /* number of messages that a rank sends one after the other */
    double volume; /* bytes that leave a node, as a multiple of the gradient buffer; as
                      many enter it */
} sn_reduction_traffic;

typedef struct sn_reduction sn_reduction;

/** One kind: facts for callers, and functions for reduction.c (see internal.h), of
 *  which begin, push and ready may be NULL. */
struct sn_reduction_kind {
    const char *name;
    bool fixed_order; /* the sum has the same bits on any number of ranks: the batch is
                         cut into microbatches, not into one shard per rank */
    bool allows_bf16; /* wire may be SN_WIRE_BF16 */

    size_t (*bytes)(const sn_reduction_spec *spec, int rank, int size, int node_size);
    sn_reduction_traffic (*traffic)(int nodes, int node_ranks);

    size_t object_bytes;
    sn_status (*open)(sn_reduction *reduction, sn_error *err);
    void (*close)(sn_reduction *reduction);
    void (*begin)(sn_reduction *reduction);
    void (*push)(sn_reduction *reduction);
    void (*ready)(sn_reduction *reduction, size_t first); /* during the backward pass */
    sn_status (*finish)(sn_reduction *reduction, sn_error *err);
};

/** Returns the kind with this number, an sn_reduce_kind; allreduce for SN_REDUCE_AUTO.
 *  Pure. */
const sn_reduction_kind *sn_reduction_of(int kind);

/** Returns the kind that reduce = auto means for this gradient on ranks with node_ranks
 *  ranks on every node, or 0 if nodes hold different numbers.  Pure.
 *
 *      ranks on every node   wire   gradient         kind
 *      several               fp32   any              node
 *      one, or unequal       any    4 MiB and more   overlap
 *      any other case                                allreduce
 *
 *  A message through shared memory needs no copy and no MPI call, so node is the
 *  fastest at every size.  Between nodes, overlap hides a large message behind the
 *  backward pass; several messages of one bucket each are needed for that. */
sn_reduce_kind sn_reduction_rule(const sn_reduction_spec *spec, int ranks,
                                 int node_ranks);

/** Sets *kind to that of sn_reduction_rule on the ranks of comm.  Collective; the same
 *  kind on all ranks.  Errors: SN_EMPI. */
sn_status sn_reduction_choose(sn_comm *comm, const sn_reduction_spec *spec,
                              sn_reduce_kind *kind, sn_error *err) SN_MUST_CHECK;

/** Checks that size ranks (0: not known yet) can use spec.  Pure.
 *  Errors: SN_ECONFIG, and *key is the key of section comm at fault; SN_ERANGE if
 *  gradient and tail exceed an MPI count. */
sn_status sn_reduction_check(const sn_reduction_spec *spec, int size, const char **key,
                             sn_error *err) SN_MUST_CHECK;

/** The microbatches [begin, end) of the total microbatches of a batch. */
typedef struct sn_microbatches {
    int begin, end, total;
} sn_microbatches;

/** Returns the microbatches of a batch that a rank computes.  Pure. */
sn_microbatches sn_reduction_microbatches(const sn_reduction_spec *spec, int rank,
                                          int size);

/** Returns the size in bytes of the buffers that _create allocates on a rank.  Pure. */
size_t sn_reduction_bytes(const sn_reduction_spec *spec, int rank, int size,
                          int node_size);

/** Returns the cost of reduce-scatter and allgather on p ranks: 2 ceil(log2 p) messages
 *  and 2 (p - 1) / p of the buffer (Rabenseifner 2004).  Open MPI 4.1 uses this
 *  algorithm for a gradient of 256 KiB and more on up to 4096 ranks.  Pure. */
sn_reduction_traffic sn_reduction_halving(int ranks);

/** Returns the cost of the kind between nodes with node_ranks ranks each; each file of
 *  a kind states its formula.  Returns zeros if there is one node.  Pure. */
sn_reduction_traffic sn_reduction_between(const sn_reduction_spec *spec, int nodes,
                                          int node_ranks);

/** Returns the bytes of the gradient buffer in the format in which ranks send it.
 *  Pure. */
double sn_reduction_sent_bytes(const sn_reduction_spec *spec);

/** Allocates the buffers and everything else that the reduction needs, so that a step
 *  allocates nothing.  The function creates allreduce instead if the ranks cannot use
 *  the kind, or if there is one rank and the kind has no fixed order.  Collective.
 *  Errors: those of sn_reduction_check, SN_ENOMEM, SN_EMPI. */
sn_status sn_reduction_create(sn_comm *comm, const sn_reduction_spec *spec,
                              sn_reduction **reduction, sn_error *err) SN_MUST_CHECK;

/** Frees *reduction, which may be NULL.  Collective; never call it during a step. */
void sn_reduction_destroy(sn_reduction **reduction);

/** Returns true if _create chose allreduce because the ranks cannot use the kind. */
bool sn_reduction_is_replaced(const sn_reduction *reduction);

/** Writes one line for the console, without a newline, into text (bytes). */
void sn_reduction_describe(const sn_reduction *reduction, char *text, size_t bytes);

/** Starts a step; call it before the first write into the buffer.  The call states that
 *  this rank no longer reads the previous sum.  Collective over the node; may wait. */
void sn_reduction_begin(sn_reduction *reduction);

/** Returns the microbatches of a batch that this rank computes.  Pure. */
sn_microbatches sn_reduction_own_microbatches(const sn_reduction *reduction);

/** Returns the buffer for gradient || tail of the next microbatch.  Not collective. */
float *sn_reduction_buffer(const sn_reduction *reduction);

/** Adds the microbatch whose gradient || tail is in the buffer.  Not collective. */
void sn_reduction_push(sn_reduction *reduction);

/** Returns true if the backward pass should call sn_reduction_ready. */
bool sn_reduction_wants_ready(const sn_reduction *reduction);

/** States that the buffer is final from element first to the end of the gradient; the
 *  reduction of this range may start.  reduction points to an sn_reduction: the
 *  function has the type sn_observer.  Not collective; does not wait. */
void sn_reduction_ready(void *reduction, size_t first);

/** Completes the sum after the last _push.  *sum (gradient || tail) is valid until the
 *  next _begin.  Collective.  Errors: SN_EMPI. */
sn_status sn_reduction_finish(sn_reduction *reduction, const float **sum,
                              sn_error *err) SN_MUST_CHECK;

#endif
