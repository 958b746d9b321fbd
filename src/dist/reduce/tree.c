/* The fixed tree over ranks.
 *
 * 1. Rank r owns the leaves [L r / p, L (r + 1) / p) and adds them, as they come, to
 * the maximal subtrees that lie within its range: at most 2 log2 L of them, one where p
 *    is a power of two.
 * 2. The message is cut into p segments.  Every rank sends segment s of its subtrees to
 *    rank s, which adds them along the rest of the tree.
 * 3. An allgather puts the segments together.
 *
 * Cost for p a power of two and messages of n floats: (p - 1) alpha + n (p - 1) / p
 * (4 beta + gamma) for step 2 and (p - 1) alpha + 4 n (p - 1) / p beta for step 3, the
 * bandwidth of a reduce-scatter with allgather (Rabenseifner 2004; Thakur,
 * Rabenseifner, Gropp 2005), and log2(L / p) n gamma or less for step 1.  The fixed
 * order is that of reproducible pairwise summation: the tree depends on the leaves
 * alone. */
#include "dist/reduce/tree.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/real.h"
#include "dist/comm/internal.h"

enum { MAX_NODES = 64 }; /* of one rank: 2 log2 of the largest number of leaves */

/* The sum of leaves [start, start + 2^height). */
typedef struct node {
    uint64_t start;
    int height;
    float *sum;
} node;

/* Subtrees from left to right; siblings meet at the top and merge. */
typedef struct stack {
    int count;
    node nodes[MAX_NODES];
} stack;

struct sn_tree {
    sn_comm *comm;
    size_t length, longest; /* of a message, of a segment */
    uint64_t leaves;
    sn_range mine;
    uint64_t next; /* leaf to be written */
    stack local;
    float **buffers; /* of local, one for each place in the stack and one to spare */
    int buffer_count;
    float *received;       /* (nodes of all ranks, longest) */
    stack *others;         /* (size): the subtrees of every rank, my segment of them */
    MPI_Request *requests; /* sends, then receives */
    int request_count;
    int *counts, *offsets; /* segments, for the allgather */
};

SN_HOT
static void add(size_t count, const float *restrict b, float *restrict a)
{
    for (size_t i = 0; i < count; i++) {
        a[i] += b[i];
    }
}

static int are_siblings(const node *left, const node *right)
{
    return left->height == right->height && (left->start >> left->height) % 2 == 0 &&
           right->start == left->start + (UINT64_C(1) << left->height);
}

/* Adds siblings at the top while there are any; length 0 only counts. */
static void merge(stack *s, size_t length)
{
    while (s->count > 1 &&
           are_siblings(&s->nodes[s->count - 2], &s->nodes[s->count - 1])) {
        node *left = &s->nodes[s->count - 2];
        if (length > 0) {
            add(length, s->nodes[s->count - 1].sum, left->sum);
        }
        left->height++;
        s->count--;
    }
}

/* The maximal subtrees within a range of leaves. */
static void cover(sn_range range, stack *s)
{
    s->count = 0;
    for (uint64_t leaf = range.begin; leaf < range.end; leaf++) {
        s->nodes[s->count++] = (node){.start = leaf};
        merge(s, 0);
    }
}

static sn_range leaves_of(uint64_t leaves, int rank, int size)
{
    return sn_rank_range((sn_range){0, leaves}, rank, size);
}

/* Subtrees of all ranks together. */
static size_t count_nodes(uint64_t leaves, int size)
{
    stack s;
    size_t nodes = 0;
    for (int rank = 0; rank < size; rank++) {
        cover(leaves_of(leaves, rank, size), &s);
        nodes += (size_t)s.count;
    }
    return nodes;
}

/* Places in the deepest stack that these leaves build. */
static int deepest_stack(sn_range leaves)
{
    stack s = {.count = 0};
    int deepest = 0;
    for (uint64_t leaf = leaves.begin; leaf < leaves.end; leaf++) {
        s.nodes[s.count++] = (node){.start = leaf};
        deepest = s.count > deepest ? s.count : deepest;
        merge(&s, 0);
    }
    return deepest;
}

size_t sn_tree_bytes(size_t length, int leaves, int rank, int size)
{
    const uint64_t pieces = (uint64_t)leaves;
    const size_t segments =
        count_nodes(pieces, size) * (size_t)sn_rank_range_max(length, size);
    const size_t buffers =
        (size_t)deepest_stack(leaves_of(pieces, rank, size)) * length;
    return (segments + buffers) * sizeof(float);
}

static sn_range segment_of(const sn_tree *tree, int rank)
{
    return sn_rank_range((sn_range){0, tree->length}, rank, tree->comm->size);
}

static sn_status allocate(sn_tree *tree, sn_error *err)
{
    const size_t size = (size_t)tree->comm->size;
    const size_t all_nodes = count_nodes(tree->leaves, tree->comm->size);
    tree->buffers = calloc(MAX_NODES, sizeof *tree->buffers);
    tree->others = calloc(size, sizeof *tree->others);
    tree->received = sn_alloc(all_nodes * tree->longest, sizeof(float));
    tree->requests = calloc(all_nodes + MAX_NODES * size, sizeof(MPI_Request));
    tree->counts = calloc(size, sizeof(int));
    tree->offsets = calloc(size, sizeof(int));
    int complete = tree->buffers != NULL && tree->others != NULL &&
                   tree->received != NULL && tree->requests != NULL &&
                   tree->counts != NULL && tree->offsets != NULL;
    for (int rank = 0; rank < tree->comm->size && complete; rank++) {
        const sn_range segment = segment_of(tree, rank);
        tree->counts[rank] = (int)(segment.end - segment.begin);
        tree->offsets[rank] = (int)segment.begin;
    }
    return complete ? SN_OK
                    : sn_fail(err, SN_ENOMEM,
                              "reproducible sum (%zu floats): out of memory; use fewer "
                              "leaves or a smaller model",
                              tree->length);
}

/* Buffers for the deepest stack that this rank's leaves build. */
static sn_status allocate_buffers(sn_tree *tree, sn_error *err)
{
    const int deepest = deepest_stack(tree->mine);
    tree->buffer_count = deepest;
    for (int i = 0; i < deepest; i++) {
        tree->buffers[i] = sn_alloc(tree->length, sizeof(float));
        if (tree->buffers[i] == NULL) {
            return sn_fail(
                err, SN_ENOMEM,
                "reproducible sum (%d buffers of %zu floats): out of memory; "
                "use fewer leaves or a smaller model",
                deepest, tree->length);
        }
    }
    return SN_OK;
}

static sn_status check(const sn_comm *comm, size_t length, int leaves, sn_error *err)
{
    if (leaves < 1 || (leaves & (leaves - 1)) != 0) {
        return sn_fail(err, SN_ECONFIG,
                       "configuration ([comm] leaves): %d is not a power of two",
                       leaves);
    }
    if (leaves < comm->size) {
        return sn_fail(
            err, SN_ECONFIG,
            "configuration ([comm] leaves): %d leaves cannot be shared by %d "
            "ranks; use fewer ranks, or begin the run with more leaves",
            leaves, comm->size);
    }
    if (length > INT_MAX) {
        return sn_fail(err, SN_ERANGE,
                       "reproducible sum of %zu floats exceeds an MPI "
                       "count",
                       length);
    }
    return SN_OK;
}

sn_status sn_tree_create(sn_comm *comm, size_t length, int leaves, sn_tree **out,
                         sn_error *err)
{
    *out = NULL;
    sn_status status = check(comm, length, leaves, err);
    sn_tree *tree = status == SN_OK ? calloc(1, sizeof *tree) : NULL;
    if (status == SN_OK && tree == NULL) {
        status = sn_fail(err, SN_ENOMEM, "reproducible sum: out of memory");
    }
    if (status == SN_OK) {
        tree->comm = comm;
        tree->length = length;
        tree->longest = (size_t)sn_rank_range_max(length, comm->size);
        tree->leaves = (uint64_t)leaves;
        tree->mine = leaves_of(tree->leaves, comm->rank, comm->size);
        tree->next = tree->mine.begin;
        status = allocate(tree, err);
    }
    if (status == SN_OK) {
        status = allocate_buffers(tree, err);
    }
    status = sn_comm_agree(comm, status, err);
    if (status != SN_OK) {
        sn_tree_destroy(&tree);
    }
    *out = tree;
    return status;
}

void sn_tree_destroy(sn_tree **tree)
{
    if (*tree == NULL) {
        return;
    }
    for (int i = 0; (*tree)->buffers != NULL && i < (*tree)->buffer_count; i++) {
        free((*tree)->buffers[i]);
    }
    free((*tree)->buffers);
    free((*tree)->others);
    free((*tree)->received);
    free((*tree)->requests);
    free((*tree)->counts);
    free((*tree)->offsets);
    free(*tree);
    *tree = NULL;
}

sn_range sn_tree_leaves(const sn_tree *tree)
{
    return tree->mine;
}

float *sn_tree_next(sn_tree *tree)
{
    return tree->buffers[tree->local.count];
}

void sn_tree_push(sn_tree *tree)
{
    stack *s = &tree->local;
    s->nodes[s->count] = (node){.start = tree->next++, .sum = tree->buffers[s->count]};
    s->count++;
    merge(s, tree->length);
}

/* Segments of local subtrees to everybody, those of my segment from everybody: others
 * says which leaves each of them covers. */
static sn_status exchange(sn_tree *tree, sn_error *err)
{
    const sn_comm *comm = tree->comm;
    const sn_range mine = segment_of(tree, comm->rank);
    sn_status status = SN_OK;
    tree->request_count = 0;
    int received = 0;
    for (int rank = 0; rank < comm->size && status == SN_OK; rank++) {
        stack theirs;
        cover(leaves_of(tree->leaves, rank, tree->comm->size), &theirs);
        for (int i = 0; i < theirs.count && status == SN_OK; i++) {
            float *place = tree->received + (size_t)received * tree->longest;
            node *n = &tree->others[rank].nodes[i];
            *n = theirs.nodes[i];
            n->sum = place;
            received++;
            if (rank == comm->rank) {
                n->sum = tree->local.nodes[i].sum + mine.begin;
                continue;
            }
            status = sn_mpi_check(MPI_Irecv(place, (int)(mine.end - mine.begin),
                                            MPI_FLOAT, rank, i, comm->world,
                                            &tree->requests[tree->request_count++]),
                                  "receive of a segment", err);
        }
        tree->others[rank].count = theirs.count;
        for (int i = 0; i < tree->local.count && rank != comm->rank && status == SN_OK;
             i++) {
            status = sn_mpi_check(
                MPI_Isend(tree->local.nodes[i].sum + tree->offsets[rank],
                          tree->counts[rank], MPI_FLOAT, rank, i, comm->world,
                          &tree->requests[tree->request_count++]),
                "send of a segment", err);
        }
    }
    if (status == SN_OK) {
        status = sn_mpi_check(
            MPI_Waitall(tree->request_count, tree->requests, MPI_STATUSES_IGNORE),
            "exchange of segments", err);
    }
    return status;
}

sn_status sn_tree_sum(sn_tree *tree, float *message, sn_error *err)
{
    const sn_comm *comm = tree->comm;
    tree->next = tree->mine.begin;
    if (comm->size == 1) {
        memcpy(message, tree->local.nodes[0].sum, tree->length * sizeof *message);
        tree->local.count = 0;
        return SN_OK;
    }
    sn_status status = exchange(tree, err);
    if (status != SN_OK) {
        return status;
    }
    const size_t segment = (size_t)tree->counts[comm->rank];
    stack all = {.count = 0};
    for (int rank = 0; rank < comm->size; rank++) {
        for (int i = 0; i < tree->others[rank].count; i++) {
            all.nodes[all.count++] = tree->others[rank].nodes[i];
            merge(&all, segment);
        }
    }
    tree->local.count = 0;
    memcpy(message + tree->offsets[comm->rank], all.nodes[0].sum,
           segment * sizeof *message);
    return sn_mpi_check(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, message,
                                       tree->counts, tree->offsets, MPI_FLOAT,
                                       comm->world),
                        "gathering of segments", err);
}
