#include "dist/reduce/node_sum.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/real.h"
#include "dist/comm/internal.h"
#include "dist/node/shared.h"

enum {
    LANES = 16,   /* slices begin at multiples: 64 bytes */
    SPINS = 2000, /* looks at a flag before the core is given to others */
    LINE = 64,    /* bytes of a cache line */
    PIECE = 4096  /* elements that stay in the cache while messages are added */
};

/* A rank's progress, alone in its cache line.  Other processes see it: an atomic that
 * took a lock would take one of its own in each. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "flags need atomics without locks");
typedef union flag {
    atomic_uint_least64_t done;
    char line[LINE];
} flag;

struct sn_node_sum {
    sn_shared shared;
    MPI_Comm across; /* ranks of this number on all nodes */
    int rank, size;  /* within the node */
    int nodes;
    size_t count;      /* elements of a message */
    size_t begin, end; /* the slice of this rank */
    flag *flags;       /* (size) */
    float **message;   /* (size): where each rank writes; that of 0 becomes the sum */
    uint64_t round;    /* how often this rank has raised its flag */
};

static size_t padded(size_t count)
{
    return (count + LANES - 1) / LANES * LANES;
}

/* Slices differ by at most LANES elements. */
static size_t slice_begin(size_t count, int size, int rank)
{
    const size_t blocks = padded(count) / LANES;
    const size_t begin = blocks * (size_t)rank / (size_t)size * LANES;
    return begin < count ? begin : count;
}

/* Does every node have as many ranks as this one, and more than one? */
static sn_status is_regular(sn_comm *comm, bool *regular, sn_error *err)
{
    int fits = comm->node_size > 1 && comm->size == comm->node_size * comm->node_count;
    int all = 0;
    const sn_status status =
        sn_mpi_check(MPI_Allreduce(&fits, &all, 1, MPI_INT, MPI_LAND, comm->world),
                     "comparison", err);
    *regular = all != 0;
    return status;
}

size_t sn_node_sum_bytes(size_t count)
{
    return padded(count) * sizeof(float);
}

/* The flags are the head of the shared memory, the messages its parts. */
static void find_messages(sn_node_sum *sum)
{
    sum->flags = (flag *)(void *)sum->shared.base;
    for (int r = 0; r < sum->size; r++) {
        sum->message[r] = (float *)(void *)sn_shared_part(&sum->shared, r);
    }
}

/* Shared memory on all nodes, or on none. */
static sn_status share(sn_comm *comm, sn_node_sum *sum, sn_error *err)
{
    sn_status status = sn_shared_map(comm, (size_t)sum->size * sizeof(flag),
                                     sn_node_sum_bytes(sum->count), &sum->shared, err);
    int mine = sum->shared.base != NULL, all = 0;
    if (status == SN_OK) {
        status =
            sn_mpi_check(MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_LAND, comm->world),
                         "agreement on shared memory", err);
    }
    if (all) {
        find_messages(sum);
    } else {
        sn_shared_unmap(&sum->shared);
    }
    return status;
}

static sn_status open_sum(sn_comm *comm, size_t count, sn_node_sum *sum, sn_error *err)
{
    *sum = (sn_node_sum){.across = MPI_COMM_NULL,
                         .rank = comm->node_rank,
                         .size = comm->node_size,
                         .nodes = comm->node_count,
                         .count = count};
    sum->begin = slice_begin(count, sum->size, sum->rank);
    sum->end = slice_begin(count, sum->size, sum->rank + 1);
    sum->message = calloc((size_t)sum->size, sizeof *sum->message);
    sn_status status = sum->message == NULL
                           ? sn_fail(err, SN_ENOMEM, "sums on a node: out of memory")
                           : SN_OK;
    return sn_comm_agree(comm, status, err);
}

sn_status sn_node_sum_create(sn_comm *comm, size_t count, sn_node_sum **out,
                             sn_error *err)
{
    *out = NULL;
    bool regular = false;
    sn_status status = is_regular(comm, &regular, err);
    if (status != SN_OK || !regular) {
        return status;
    }
    sn_node_sum *sum = calloc(1, sizeof *sum);
    status =
        sum == NULL ? sn_fail(err, SN_ENOMEM, "sums on a node: out of memory") : SN_OK;
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        status = open_sum(comm, count, sum, err);
    }
    if (status != SN_OK) {
        sn_node_sum_destroy(&sum);
        return status;
    }
    status = share(comm, sum, err);
    const bool shared = sum->shared.base != NULL;
    if (status == SN_OK && shared && sum->nodes > 1) {
        status = sn_mpi_check(
            MPI_Comm_split(comm->world, sum->rank, comm->rank, &sum->across),
            "MPI_Comm_split", err);
        if (status == SN_OK) {
            MPI_Comm_set_errhandler(sum->across, MPI_ERRORS_RETURN);
        }
    }
    if (status != SN_OK || !shared) {
        sn_node_sum_destroy(&sum);
    }
    *out = sum;
    return status;
}

void sn_node_sum_destroy(sn_node_sum **sum)
{
    if (*sum == NULL) {
        return;
    }
    if ((*sum)->across != MPI_COMM_NULL && !sn_mpi_has_failed()) {
        MPI_Comm_free(&(*sum)->across);
    }
    sn_shared_unmap(&(*sum)->shared);
    free((*sum)->message);
    free(*sum);
    *sum = NULL;
}

float *sn_node_sum_message(sn_node_sum *sum)
{
    return sum->message[sum->rank];
}

float *sn_node_sum_result(sn_node_sum *sum)
{
    return sum->message[0];
}

static void raise_flag(sn_node_sum *sum)
{
    atomic_store_explicit(&sum->flags[sum->rank].done, ++sum->round,
                          memory_order_release);
}

/* Until all ranks of the node have raised their flags as often as this one. */
static void wait_for_flags(const sn_node_sum *sum)
{
    for (int r = 0; r < sum->size; r++) {
        for (int looks = 0; atomic_load_explicit(&sum->flags[r].done,
                                                 memory_order_acquire) < sum->round;
             looks++) {
            if (looks >= SPINS) {
                sched_yield();
            }
        }
    }
}

static void meet(sn_node_sum *sum)
{
    raise_flag(sum);
    wait_for_flags(sum);
}

void sn_node_sum_begin(sn_node_sum *sum)
{
    if (sum == NULL) {
        return;
    }
    raise_flag(sum);
    if (sum->rank == 0) { /* whose message still holds the sum */
        wait_for_flags(sum);
    }
}

SN_HOT
static void add_to(size_t count, const float *restrict a, float *restrict sum)
{
    for (size_t i = 0; i < count; i++) {
        sum[i] += a[i];
    }
}

static void add_slice(sn_node_sum *sum)
{
    for (size_t i = sum->begin; i < sum->end; i += PIECE) {
        const size_t piece = sum->end - i < PIECE ? sum->end - i : PIECE;
        for (int r = 1; r < sum->size; r++) {
            add_to(piece, sum->message[r] + i, sum->message[0] + i);
        }
    }
}

sn_status sn_node_sum_run(sn_node_sum *sum, sn_error *err)
{
    sn_status status = SN_OK;
    meet(sum);
    add_slice(sum);
    if (sum->nodes > 1) {
        status = sn_mpi_check(MPI_Allreduce(MPI_IN_PLACE, sum->message[0] + sum->begin,
                                            (int)(sum->end - sum->begin), MPI_FLOAT,
                                            MPI_SUM, sum->across),
                              "sum over nodes", err);
    }
    meet(sum);
    return status;
}
