/* SPDX-License-Identifier: BSD-3-Clause */
/* The hierarchical reduction: shared memory inside a node, MPI between nodes.
 *
 * Steps, for n elements on q ranks per node and m nodes, R = q m: 1. every rank writes
 * its gradient || tail into the shared segment and raises its
 *
 *     flag;
 *  2. each waits for the flags of its node and adds its n/q elements of all buffers to
 *
 *     those of rank 0, in the order of the ranks;
 *  3. ranks of the same number on the m nodes sum these n/q elements by MPI_Allreduce,
 *
 *     so that q messages of n/q use every core and link at once (only for m > 1);
 *  4. flags again, and the sum lies in rank 0's buffer, where all ranks of the node see
 *
 *     it; rank 0 writes its next gradient when all have read it.
 * Cost: n memory reads and n/q writes per rank, then 2 lg(m) alpha + 2 (m-1)/m n/q beta
 * + the additions, against 2 lg(R) alpha + 2 (R-1)/R n beta of a flat allreduce.  The
 * scheme is the multi-leader reduction of Bayatpour et al., "Scalable reduction
 * collectives with data partitioning-based multi-leader design", SC 2017.
 *
 * It cannot be had with one rank per node, with different numbers of ranks on the
 * nodes, and with too little of /dev/shm. */
#include <sched.h>
#include <stdatomic.h>

#include "dist/node/shared.h"
#include "dist/reduce/internal.h"

enum {
    LANES = 16,   /* shares begin at multiples: 64 bytes */
    SPINS = 2000, /* looks at a flag before the core is given to others */
    LINE = 64,    /* bytes of a cache line */
    BLOCK = 4096  /* elements that stay in the cache while buffers are added */
};

/* A rank's progress, alone in its cache line.  Other processes see it: an atomic that
 * took a lock would take one of its own in each. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "flags need atomics without locks");
typedef union flag {
    atomic_uint_least64_t done;
    char line[LINE];
} flag;

typedef struct hierarchical {
    sn_reduction base;
    sn_shared shared;  /* its head is the flags, its parts are the buffers */
    MPI_Comm across;   /* ranks of this number on all nodes */
    size_t begin, end; /* the elements that this rank adds */
    uint64_t round;    /* how often this rank has raised its flag */
} hierarchical;

static size_t padded(size_t count)
{
    return (count + LANES - 1) / LANES * LANES;
}

/* Shares differ by at most LANES elements. */
static size_t range_begin(size_t count, int size, int rank)
{
    const size_t blocks = padded(count) / LANES;
    const size_t begin = blocks * (size_t)rank / (size_t)size * LANES;
    return begin < count ? begin : count;
}

static flag *flag_of(const hierarchical *h, int node_rank)
{
    return (flag *)(void *)h->shared.base + node_rank;
}

static float *buffer_of(const hierarchical *h, int node_rank)
{
    return (float *)(void *)sn_shared_part(&h->shared, node_rank);
}

static size_t hierarchical_bytes(const sn_reduction_spec *spec, int rank, int size,
                                 int node_size)
{
    (void)rank, (void)size;
    const size_t length = sn_reduction_length(spec);
    return (node_size > 1 ? padded(length) : length) * sizeof(float);
}

/* Shared memory on all nodes, or on none. */
static sn_status map_shared(hierarchical *h, bool *shared, sn_error *err)
{
    sn_comm *comm = h->base.comm;
    const bool even =
        comm->node_size > 1 && comm->size == comm->node_size * comm->node_count;
    sn_status status = sn_mpi_all(comm->world, even, shared, err);
    if (!*shared) {
        return status;
    }
    status = sn_shared_map(comm, (size_t)comm->node_size * sizeof(flag),
                           padded(sn_reduction_length(&h->base.spec)) * sizeof(float),
                           &h->shared, err);
    return status == SN_OK
               ? sn_mpi_all(comm->world, h->shared.base != NULL, shared, err)
               : status;
}

static sn_status hierarchical_open(sn_reduction *r, sn_error *err)
{
    hierarchical *h = (hierarchical *)r;
    const sn_comm *comm = r->comm;
    const size_t length = sn_reduction_length(&r->spec);
    bool shared = false;
    h->across = MPI_COMM_NULL;
    h->begin = range_begin(length, comm->node_size, comm->node_rank);
    h->end = range_begin(length, comm->node_size, comm->node_rank + 1);
    sn_status status = map_shared(h, &shared, err);
    if (status != SN_OK || !shared) {
        return status;
    }
    r->buffer = buffer_of(h, comm->node_rank);
    r->sum = buffer_of(h, 0);
    if (comm->node_count > 1) {
        status = sn_mpi_check(
            MPI_Comm_split(comm->world, comm->node_rank, comm->rank, &h->across),
            "MPI_Comm_split", err);
    }
    if (h->across != MPI_COMM_NULL) {
        MPI_Comm_set_errhandler(h->across, MPI_ERRORS_RETURN);
    }
    return status;
}

static void hierarchical_close(sn_reduction *r)
{
    hierarchical *h = (hierarchical *)r;
    if (h->across != MPI_COMM_NULL && !sn_mpi_has_failed()) {
        MPI_Comm_free(&h->across);
    }
    sn_shared_unmap(&h->shared);
}

static void raise_flag(hierarchical *h)
{
    atomic_store_explicit(&flag_of(h, h->base.comm->node_rank)->done, ++h->round,
                          memory_order_release);
}

/* Until all ranks of the node have raised their flags as often as this one; busily,
 * yielding the core now and then. */
static void wait_for_flags(const hierarchical *h)
{
    for (int r = 0; r < h->base.comm->node_size; r++) {
        for (int looks = 0; atomic_load_explicit(&flag_of(h, r)->done,
                                                 memory_order_acquire) < h->round;
             looks++) {
            if (looks >= SPINS) {
                sched_yield();
            }
        }
    }
}

static void meet(hierarchical *h)
{
    raise_flag(h);
    wait_for_flags(h);
}

static void hierarchical_begin(sn_reduction *r)
{
    hierarchical *h = (hierarchical *)r;
    raise_flag(h);
    if (r->comm->node_rank == 0) { /* its buffer still holds the sum */
        wait_for_flags(h);
    }
}

static void add_range(hierarchical *h)
{
    for (size_t i = h->begin; i < h->end; i += BLOCK) {
        const size_t count = h->end - i < BLOCK ? h->end - i : BLOCK;
        for (int r = 1; r < h->base.comm->node_size; r++) {
            sn_reduction_add(count, buffer_of(h, r) + i, h->base.sum + i);
        }
    }
}

static sn_status hierarchical_finish(sn_reduction *r, sn_error *err)
{
    hierarchical *h = (hierarchical *)r;
    sn_status status = SN_OK;
    meet(h);
    add_range(h);
    if (h->across != MPI_COMM_NULL) {
        status = sn_mpi_check(MPI_Allreduce(MPI_IN_PLACE, r->sum + h->begin,
                                            (int)(h->end - h->begin), MPI_FLOAT,
                                            MPI_SUM, h->across),
                              "sum over nodes", err);
    }
    meet(h);
    return status;
}

const sn_reduction_kind sn_reduction_node = {.name = "node",
                                             .measured = true,
                                             .bytes = hierarchical_bytes,
                                             .object_bytes = sizeof(hierarchical),
                                             .open = hierarchical_open,
                                             .close = hierarchical_close,
                                             .begin = hierarchical_begin,
                                             .finish = hierarchical_finish};
