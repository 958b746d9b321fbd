/* SPDX-License-Identifier: BSD-3-Clause */
/* The reproducible reduction: a fixed tree gives the same bits on any number of ranks.
 *
 * The batch is cut into L microbatches, L a power of two.  A microbatch has the same
 * shapes on every rank.  The gradient buffers are added along one fixed binary tree,
 * node (h, j) = node (h-1, 2j) + node (h-1, 2j+1).  Every element thus undergoes the
 * same additions on any number of ranks.
 *
 * 1. Rank r owns the microbatches [L r / p, L (r + 1) / p).  It adds each one as soon
 *    as it is computed, to the maximal subtrees that lie within its range: at most
 *    2 log2 L subtrees, one if p is a power of two.
 * 2. gradient || tail is cut into p segments.  Every rank sends segment s of its
 *    subtrees to rank s, which adds them along the rest of the tree.
 * 3. An allgather combines the segments.
 *
 * Cost for n floats on p ranks, p a power of two: at most log2(L / p) n gamma for step
 * 1, (p - 1) alpha + n (p - 1) / p (4 beta + gamma) for step 2, and (p - 1) alpha +
 * 4 n (p - 1) / p beta for step 3.  This is the bandwidth of a reduce-scatter with
 * allgather (Rabenseifner 2004; Thakur, Rabenseifner, Gropp 2005).  The order is that
 * of pairwise summation: the tree depends on the number of microbatches alone. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/sampler.h"
#include "dist/reduce/internal.h"

/* A rank has at most 2 log2 L subtrees, and L is an int. */
enum { MAX_SUBTREES = 64 };

/* The sum over the microbatches [start, start + 2^height). */
typedef struct subtree {
    int start, height;
    float *sum;
} subtree;

/* Subtrees from left to right; siblings at the top merge. */
typedef struct stack {
    int count;
    subtree at[MAX_SUBTREES];
} stack;

typedef struct tree {
    sn_reduction base;
    sn_microbatches mine;
    int next; /* the microbatch whose gradient the buffer receives next */
    stack local;
    float *buffers; /* (buffer_count, stride): the sums of local */
    int buffer_count;
    size_t stride;
    subtree *all;          /* subtrees of all ranks, in the order of the ranks; each sum
                              points to the segment of this rank */
    int *first;            /* (size + 1): rank r's subtrees begin at all[first[r]] */
    float *received;       /* (subtrees of all ranks, segment) */
    MPI_Request *requests; /* requests of step 2 */
    int *counts, *offsets; /* (size): elements of each rank's segment */
} tree;

/* In step 2 every rank of a node sends a segment to every rank of the other nodes:
 * q n (m - 1) / m bytes leave one of m nodes with q ranks each.  Step 3 adds
 * n (m - 1) / m. */
static sn_reduction_traffic tree_traffic(int nodes, int node_ranks)
{
    const double m = nodes, q = node_ranks;
    return (sn_reduction_traffic){2 * (m * q - 1), (q + 1) * (m - 1) / m};
}

static bool are_siblings(const subtree *left, const subtree *right)
{
    return left->height == right->height && (left->start >> left->height) % 2 == 0 &&
           right->start == left->start + (1 << left->height);
}

/* Pushes a subtree and merges siblings; with length 0 it adds no sums. */
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

/* Finds the maximal subtrees of a rank's microbatches; returns the largest height of
 * the stack, which is the number of buffers that the rank needs. */
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

/* Returns the number of subtrees of all ranks. */
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
    const size_t buffers = (size_t)cover(spec, rank, size, &s) + 1; /* 1 for the sum */
    return (count_subtrees(spec, size) * longest_segment(spec, size) +
            buffers * sn_reduction_length(spec)) *
           sizeof(float);
}

static bool allocate(tree *t)
{
    const sn_reduction_spec *spec = &t->base.spec;
    const size_t size = (size_t)t->base.comm->size, length = sn_reduction_length(spec);
    const size_t count = count_subtrees(spec, (int)size);
    enum { LANES = 16 }; /* each buffer begins at a multiple of 64 bytes */
    stack own;
    t->buffer_count = cover(spec, t->base.comm->rank, (int)size, &own);
    t->stride = (length + LANES - 1) / LANES * LANES;
    t->buffers = sn_alloc(t->stride * (size_t)t->buffer_count, sizeof(float));
    t->base.sum = sn_alloc(length, sizeof(float));
    t->received = sn_alloc(count * longest_segment(spec, (int)size), sizeof(float));
    t->all = sn_alloc(count, sizeof *t->all);
    t->requests = sn_alloc(count + (size_t)own.count * size, sizeof *t->requests);
    t->first = calloc(3 * size + 1, sizeof(int)); /* first, counts, offsets */
    return t->buffers != NULL && t->base.sum != NULL && t->received != NULL &&
           t->all != NULL && t->requests != NULL && t->first != NULL;
}

/* Returns the buffer of local.at[place]. */
static float *buffer_at(const tree *t, int place)
{
    return t->buffers + (size_t)place * t->stride;
}

/* Fills in the tables of segments and subtrees, which no step changes. */
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
        return sn_fail(
            err, SN_ENOMEM,
            "reproducible reduction (%d buffers of %zu floats): out of memory; "
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

/* Starts to receive this rank's segment of the other rank's subtrees, and to send the
 * other rank's segment of the subtrees of this rank. */
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

/* Adds this rank's segment of all subtrees along the rest of the tree. */
static void combine(const tree *t)
{
    const int rank = t->base.comm->rank, size = t->base.comm->size;
    const size_t segment = (size_t)t->counts[rank];
    stack root = {.count = 0};
    for (int k = 0; k < t->first[size]; k++) {
        stack_push(&root, t->all[k], segment);
    }
    if (root.count > 0) {
        memcpy(t->base.sum + t->offsets[rank], root.at[0].sum, segment * sizeof(float));
    }
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
                                                     .traffic = tree_traffic,
                                                     .object_bytes = sizeof(tree),
                                                     .open = tree_open,
                                                     .close = tree_close,
                                                     .push = tree_push,
                                                     .finish = tree_finish};
