/* SPDX-License-Identifier: BSD-3-Clause */
/* The reduction along a fixed tree: the same bits on any number of ranks.
 *
 * The batch is cut into L microbatches, a power of two.  Each one's gradient || tail
 * is computed with the same shapes on whichever rank, and they are added along one
 * fixed binary tree, node (h, j) = node (h-1, 2j) + node (h-1, 2j+1), so that every
 * element sees the same additions on any number of ranks.
 *
 * 1. Rank r owns the microbatches [L r / p, L (r + 1) / p) and adds them, as they
 *    come, to the maximal subtrees that lie within its range: at most 2 log2 L of
 *    them, one where p is a power of two.
 * 2. gradient || tail is cut into p segments.  Every rank sends segment s of its
 *    subtrees to rank s, which adds them along the rest of the tree.
 * 3. An allgather puts the segments together.
 *
 * Cost for p a power of two and n floats: (p - 1) alpha + n (p - 1) / p (4 beta +
 * gamma) for step 2 and (p - 1) alpha + 4 n (p - 1) / p beta for step 3, the bandwidth
 * of a reduce-scatter with allgather (Rabenseifner 2004; Thakur, Rabenseifner, Gropp
 * 2005), and log2(L / p) n gamma or less for step 1.  The fixed order is that of
 * reproducible pairwise summation: the tree depends on the microbatches alone. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/sampler.h"
#include "dist/reduce/internal.h"

enum { MAX_SUBTREES = 64 }; /* of one rank: 2 log2 of the most microbatches */

/* The sum of microbatches [start, start + 2^height). */
typedef struct subtree {
    int start, height;
    float *sum;
} subtree;

/* Subtrees from left to right; siblings meet at the top and merge. */
typedef struct stack {
    int count;
    subtree at[MAX_SUBTREES];
} stack;

typedef struct tree {
    sn_reduction base;
    sn_microbatches mine;
    int next; /* the microbatch to be written */
    stack local;
    float *buffers; /* (buffer_count, stride): the places of local */
    int buffer_count;
    size_t stride;
    subtree *all;          /* of every rank in rank order, my segment of them */
    int *first;            /* (size + 1): all[first[r]] is rank r's first */
    float *received;       /* (subtrees of all ranks, segment) */
    MPI_Request *requests; /* receives, then sends */
    int *counts, *offsets; /* (size): segments */
} tree;

static bool are_siblings(const subtree *left, const subtree *right)
{
    return left->height == right->height && (left->start >> left->height) % 2 == 0 &&
           right->start == left->start + (1 << left->height);
}

/* Puts a subtree on top and adds siblings while there are any; length 0 only counts. */
static void stack_push(stack *s, subtree top, size_t length)
{
    s->at[s->count++] = top;
    while (s->count > 1 && are_siblings(&s->at[s->count - 2], &s->at[s->count - 1])) {
        subtree *left = &s->at[s->count - 2];
        if (length > 0) {
            sn_reduction_add(length, s->at[s->count - 1].sum, left->sum);
        }
        left->height++;
        s->count--;
    }
}

/* The maximal subtrees of a rank's microbatches; returns the places of the deepest
 * stack on the way. */
static int cover(const sn_reduction_spec *spec, int rank, int size, stack *s)
{
    const sn_microbatches own = sn_reduction_microbatches(spec, rank, size);
    int deepest = 0;
    s->count = 0;
    for (int microbatch = own.begin; microbatch < own.end; microbatch++) {
        deepest = s->count + 1 > deepest ? s->count + 1 : deepest;
        stack_push(s, (subtree){.start = microbatch}, 0);
    }
    return deepest;
}

/* Subtrees of all ranks together. */
static size_t count_subtrees(const sn_reduction_spec *spec, int size)
{
    stack s;
    size_t count = 0;
    for (int rank = 0; rank < size; rank++) {
        cover(spec, rank, size, &s);
        count += (size_t)s.count;
    }
    return count;
}

static size_t longest_segment(const sn_reduction_spec *spec, int size)
{
    return (size_t)sn_rank_range_max(sn_reduction_length(spec), size);
}

static size_t tree_bytes(const sn_reduction_spec *spec, int rank, int size,
                         int node_size)
{
    (void)node_size;
    stack s;
    const size_t buffers = (size_t)cover(spec, rank, size, &s) + 1; /* and the sum */
    return (count_subtrees(spec, size) * longest_segment(spec, size) +
            buffers * sn_reduction_length(spec)) *
           sizeof(float);
}

static bool allocate(tree *t)
{
    const sn_reduction_spec *spec = &t->base.spec;
    const size_t size = (size_t)t->base.comm->size, length = sn_reduction_length(spec);
    const size_t count = count_subtrees(spec, (int)size);
    enum { LANES = 16 }; /* buffers begin at multiples: 64 bytes */
    stack own;
    t->buffer_count = cover(spec, t->base.comm->rank, (int)size, &own);
    t->stride = (length + LANES - 1) / LANES * LANES;
    t->buffers = sn_alloc(t->stride * (size_t)t->buffer_count, sizeof(float));
    t->base.sum = sn_alloc(length, sizeof(float));
    t->received = sn_alloc(count * longest_segment(spec, (int)size), sizeof(float));
    t->all = calloc(count, sizeof *t->all);
    t->requests = calloc(count + (size_t)own.count * size, sizeof(MPI_Request));
    t->first = calloc(3 * size + 1, sizeof(int)); /* and counts and offsets behind it */
    return t->buffers != NULL && t->base.sum != NULL && t->received != NULL &&
           t->all != NULL && t->requests != NULL && t->first != NULL;
}

/* Returns a place of local. */
static float *buffer_at(const tree *t, int place)
{
    return t->buffers + (size_t)place * t->stride;
}

/* What each rank's subtrees are and where their sums lie never changes. */
static void place_subtrees(tree *t)
{
    const sn_comm *comm = t->base.comm;
    const size_t longest = longest_segment(&t->base.spec, comm->size);
    const sn_range whole = {0, sn_reduction_length(&t->base.spec)};
    t->counts = t->first + comm->size + 1;
    t->offsets = t->counts + comm->size;
    for (int rank = 0; rank < comm->size; rank++) {
        const sn_range segment = sn_rank_range(whole, rank, comm->size);
        t->counts[rank] = (int)(segment.end - segment.begin);
        t->offsets[rank] = (int)segment.begin;
    }
    for (int rank = 0; rank < comm->size; rank++) {
        stack theirs;
        cover(&t->base.spec, rank, comm->size, &theirs);
        for (int i = 0; i < theirs.count; i++) {
            const int k = t->first[rank] + i;
            t->all[k] = theirs.at[i];
            t->all[k].sum = rank == comm->rank ? buffer_at(t, i) + t->offsets[rank]
                                               : t->received + (size_t)k * longest;
        }
        t->first[rank + 1] = t->first[rank] + theirs.count;
    }
}

static void start_over(tree *t)
{
    t->local.count = 0;
    t->next = t->mine.begin;
    t->base.buffer = t->buffers;
}

static sn_status tree_open(sn_reduction *r, sn_error *err)
{
    tree *t = (tree *)r;
    t->mine = sn_reduction_microbatches(&r->spec, r->comm->rank, r->comm->size);
    if (!allocate(t)) {
        return sn_fail(err, SN_ENOMEM,
                       "reproducible sum (%d buffers of %zu floats): out of memory; "
                       "use fewer leaves or a smaller model",
                       t->buffer_count + 1, sn_reduction_length(&r->spec));
    }
    place_subtrees(t);
    start_over(t);
    return SN_OK;
}

static void tree_close(sn_reduction *r)
{
    tree *t = (tree *)r;
    free(t->buffers);
    free(t->all);
    free(t->first);
    free(t->received);
    free(t->requests);
    free(r->sum);
}

static void tree_push(sn_reduction *r)
{
    tree *t = (tree *)r;
    const subtree microbatch = {.start = t->next++, .sum = r->buffer};
    stack_push(&t->local, microbatch, sn_reduction_length(&r->spec));
    r->buffer = buffer_at(t, t->local.count);
}

/* Starts to receive my segment of rank's subtrees, and to send rank its segment of
 * mine. */
static sn_status post(tree *t, int rank, int *requests, sn_error *err)
{
    const sn_comm *comm = t->base.comm;
    const int theirs = t->first[rank + 1] - t->first[rank];
    sn_status status = SN_OK;
    for (int i = 0; i < theirs && status == SN_OK; i++) {
        status = sn_mpi_check(MPI_Irecv(t->all[t->first[rank] + i].sum,
                                        t->counts[comm->rank], MPI_FLOAT, rank, i,
                                        comm->world, &t->requests[(*requests)++]),
                              "receive of a segment", err);
    }
    for (int i = 0; i < t->local.count && status == SN_OK; i++) {
        status = sn_mpi_check(MPI_Isend(t->local.at[i].sum + t->offsets[rank],
                                        t->counts[rank], MPI_FLOAT, rank, i,
                                        comm->world, &t->requests[(*requests)++]),
                              "send of a segment", err);
    }
    return status;
}

/* Adds my segment of all subtrees along the rest of the tree. */
static void combine(const tree *t)
{
    const int rank = t->base.comm->rank, size = t->base.comm->size;
    const size_t segment = (size_t)t->counts[rank];
    stack root = {.count = 0};
    for (int k = 0; k < t->first[size]; k++) {
        stack_push(&root, t->all[k], segment);
    }
    memcpy(t->base.sum + t->offsets[rank], root.at[0].sum, segment * sizeof(float));
}

static sn_status tree_finish(sn_reduction *r, sn_error *err)
{
    tree *t = (tree *)r;
    const sn_comm *comm = r->comm;
    int requests = 0;
    sn_status status = SN_OK;
    for (int rank = 0; rank < comm->size && status == SN_OK; rank++) {
        status = rank == comm->rank ? SN_OK : post(t, rank, &requests, err);
    }
    if (status == SN_OK) {
        status = sn_mpi_check(MPI_Waitall(requests, t->requests, MPI_STATUSES_IGNORE),
                              "exchange of segments", err);
    }
    if (status != SN_OK) {
        return status;
    }
    combine(t);
    start_over(t);
    return sn_mpi_check(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, r->sum,
                                       t->counts, t->offsets, MPI_FLOAT, comm->world),
                        "gathering of segments", err);
}

const sn_reduction_kind sn_reduction_reproducible = {.name = "reproducible",
                                                     .fixed_order = true,
                                                     .bytes = tree_bytes,
                                                     .object_bytes = sizeof(tree),
                                                     .open = tree_open,
                                                     .close = tree_close,
                                                     .push = tree_push,
                                                     .finish = tree_finish};
