/* SPDX-License-Identifier: BSD-3-Clause */
/* The hierarchical reduction: shared memory inside a node, MPI between nodes.
 *
 * Steps for n elements on m nodes with q ranks each, R = q m:
 * 1. Every rank writes its gradient || tail into the shared segment and raises its
 *    flag.
 * 2. Every rank waits for the flags of its node.  Then it adds its range of n/q
 *    elements of all buffers to the buffer of rank 0, in the order of the ranks.
 * 3. If m > 1, the ranks with the same number on the m nodes sum their range by
 *    MPI_Allreduce: q messages of n/q elements use all cores and links at once.
 * 4. All ranks raise their flags again.  The sum then lies in rank 0's buffer, where
 *    all ranks of the node read it; rank 0 writes its next gradient after all have
 *    read it.
 *
 * Cost: n memory reads and n/q writes per rank, then 2 log2(m) alpha + 2 (m-1)/m n/q
 * beta and the additions; a flat allreduce costs 2 log2(R) alpha + 2 (R-1)/R n beta.
 * Source: the multi-leader reduction of Bayatpour et al., "Scalable reduction
 * collectives with data partitioning-based multi-leader design", SC 2017.
 *
 * The reduction is not possible with one rank per node, with different numbers of ranks
 * per node, or with too little space in /dev/shm. */
#include "dist/node/barrier.h"
#include "dist/node/shared.h"
#include "dist/reduce/internal.h"

enum {
    LANES = 16,  /* each range begins at a multiple of 64 bytes */
    BLOCK = 4096 /* elements that stay in the cache during the additions */
};

typedef struct hierarchical {
    sn_reduction base;
    sn_shared shared; /* the head holds the barrier, the parts hold the buffers */
    sn_node_barrier barrier;
    MPI_Comm across;   /* the ranks of all nodes with the same number on their node */
    size_t begin, end; /* the elements that this rank adds */
} hierarchical;

static size_t padded(size_t count)
{
    return (count + LANES - 1) / LANES * LANES;
}

/* Returns the first element of a range; ranges differ by at most LANES elements. */
static size_t range_begin(size_t count, int size, int rank)
{
    const size_t blocks = padded(count) / LANES;
    const size_t begin = blocks * (size_t)rank / (size_t)size * LANES;
    return begin < count ? begin : count;
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

/* Maps the shared segment; *shared is true if all nodes have one. */
static sn_status map_shared(hierarchical *h, bool *shared, sn_error *err)
{
    sn_comm *comm = h->base.comm;
    const bool even =
        comm->node_size > 1 && comm->size == comm->node_size * comm->node_count;
    sn_status status = sn_mpi_all(comm->world, even, shared, err);
    if (!*shared) {
        return status;
    }
    status = sn_shared_map(comm, sn_node_barrier_bytes(comm->node_size),
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
    h->barrier = sn_node_barrier_at(comm, h->shared.base);
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

static void hierarchical_begin(sn_reduction *r)
{
    hierarchical *h = (hierarchical *)r;
    sn_node_barrier_raise(&h->barrier);
    if (r->comm->node_rank == 0) { /* its buffer still holds the sum */
        sn_node_barrier_wait(&h->barrier);
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
    sn_node_barrier_meet(&h->barrier);
    add_range(h);
    if (h->across != MPI_COMM_NULL) {
        status = sn_mpi_check(MPI_Allreduce(MPI_IN_PLACE, r->sum + h->begin,
                                            (int)(h->end - h->begin), MPI_FLOAT,
                                            MPI_SUM, h->across),
                              "reduction between nodes", err);
    }
    sn_node_barrier_meet(&h->barrier);
    return status;
}

const sn_reduction_kind sn_reduction_node = {.name = "node",
                                             .bytes = hierarchical_bytes,
                                             .traffic = sn_reduction_halving_of_nodes,
                                             .object_bytes = sizeof(hierarchical),
                                             .open = hierarchical_open,
                                             .close = hierarchical_close,
                                             .begin = hierarchical_begin,
                                             .finish = hierarchical_finish};
