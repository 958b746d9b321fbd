/* SPDX-License-Identifier: BSD-3-Clause */
/* The overlapped reduction: it runs during the backward pass.
 *
 * 1. The gradient is cut into buckets, beginning at its end.  MPI_Iallreduce sums each
 *    bucket as soon as the backward pass has completed it.
 * 2. Open MPI advances a nonblocking collective only inside MPI calls, so the backward
 *    pass calls ready during its products, and ready calls MPI_Testall.
 * 3. finish sums the tail and waits for all buckets.
 *
 * Cost of a bucket of n bytes on a ring of p ranks: 2 (p - 1) alpha + 2 (p - 1) / p n
 * beta (Patarasuk and Yuan 2009); the backward pass hides as much of it as it lasts.
 * The job scripts select the ring (OMPI_MCA_coll_libnbc_iallreduce_algorithm).  By
 * default Open MPI 4.1 uses a binomial tree on fewer than 4 ranks and with
 * MPI_IN_PLACE; the tree sends the whole gradient log2(p) times up and down.  The
 * result therefore has memory of its own. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "dist/reduce/internal.h"
#include "nn/products/bf16.h"

/* Memory: two buffers, and 4 bytes per element for bf16. */
typedef struct bucketed {
    sn_reduction base;
    size_t buckets;            /* number of buckets in the gradient */
    size_t started;            /* number of buckets in flight or done */
    MPI_Request *requests;     /* (buckets) */
    uint16_t *sent, *received; /* (gradient) for bf16, else NULL */
    MPI_Op add;                /* adds bf16 numbers */
    int code;                  /* return code of the first MPI call that failed */
} bucketed;

static void add_bf16(void *a, void *b, int *count, MPI_Datatype *type)
{
    (void)type;
    sn_bf16_add((size_t)*count, a, b);
}

static size_t bucketed_bytes(const sn_reduction_spec *spec, int rank, int size,
                             int node_size)
{
    (void)rank, (void)size, (void)node_size;
    return 2 * sn_reduction_length(spec) * sizeof(float) +
           (spec->wire == SN_WIRE_BF16 ? 2 * spec->gradient * sizeof(uint16_t) : 0);
}

/* The ring passes through all ranks of a node before it leaves the node.  Buckets
 * follow each other, so that the messages of one bucket hide those of the others. */
static sn_reduction_traffic ring_traffic(int nodes, int node_ranks)
{
    const double p = nodes * node_ranks;
    return (sn_reduction_traffic){2 * (p - 1), 2 * (p - 1) / p};
}

static sn_status bucketed_open(sn_reduction *r, sn_error *err)
{
    bucketed *b = (bucketed *)r;
    const size_t length = sn_reduction_length(&r->spec), gradient = r->spec.gradient;
    const bool bf16 = r->spec.wire == SN_WIRE_BF16;
    b->add = MPI_OP_NULL;
    b->code = MPI_SUCCESS;
    b->buckets = (gradient + r->spec.bucket - 1) / r->spec.bucket;
    b->requests = calloc(b->buckets, sizeof *b->requests);
    r->buffer = sn_alloc(length, sizeof(float));
    r->sum = sn_alloc(length, sizeof(float));
    if (bf16) {
        b->sent = sn_alloc(gradient, sizeof *b->sent);
        b->received = sn_alloc(gradient, sizeof *b->received);
    }
    if (b->requests == NULL || r->buffer == NULL || r->sum == NULL ||
        (bf16 && (b->sent == NULL || b->received == NULL))) {
        return sn_fail(err, SN_ENOMEM,
                       "reduction (%zu parameters in %zu buckets): out of memory; use "
                       "comm.reduce = allreduce and comm.wire = fp32",
                       gradient, b->buckets);
    }
    return bf16
               ? sn_mpi_check(MPI_Op_create(add_bf16, 1, &b->add), "MPI_Op_create", err)
               : SN_OK;
}

static sn_status one_bucket_open(sn_reduction *r, sn_error *err)
{
    r->spec.bucket = r->spec.gradient;
    return bucketed_open(r, err);
}

static void bucketed_close(sn_reduction *r)
{
    bucketed *b = (bucketed *)r;
    if (b->add != MPI_OP_NULL) {
        MPI_Op_free(&b->add);
    }
    free(b->sent);
    free(b->received);
    free(b->requests);
    free(r->buffer);
    free(r->sum);
}

/* Keeps the first failure for finish. */
static void keep_failure(bucketed *b, int code)
{
    b->code = b->code == MPI_SUCCESS ? code : b->code;
}

/* Starts the sum of count elements from first. */
static void start(bucketed *b, size_t first, size_t count)
{
    const float *buffer = b->base.buffer + first;
    const MPI_Comm world = b->base.comm->world;
    MPI_Request *request = &b->requests[b->started++];
    int code;
    if (b->sent != NULL) {
        sn_bf16_from_float(count, buffer, b->sent + first);
        code = MPI_Iallreduce(b->sent + first, b->received + first, (int)count,
                              MPI_UINT16_T, b->add, world, request);
    } else {
        code = MPI_Iallreduce(buffer, b->base.sum + first, (int)count, MPI_FLOAT,
                              MPI_SUM, world, request);
    }
    if (code != MPI_SUCCESS) {
        *request = MPI_REQUEST_NULL;
        keep_failure(b, code);
    }
}

static void start_buckets(bucketed *b, size_t first)
{
    const size_t bucket = b->base.spec.bucket;
    while (b->started < b->buckets) {
        const size_t end = b->base.spec.gradient - b->started * bucket;
        const size_t begin = end > bucket ? end - bucket : 0;
        if (begin < first) {
            break;
        }
        start(b, begin, end - begin);
    }
}

/* Every rank starts the same buckets in the same order, even if its calls of ready pass
 * other values of first. */
static void ready(sn_reduction *r, size_t first)
{
    bucketed *b = (bucketed *)r;
    int all_done;
    start_buckets(b, first);
    keep_failure(
        b, MPI_Testall((int)b->started, b->requests, &all_done, MPI_STATUSES_IGNORE));
}

static sn_status bucketed_finish(sn_reduction *r, sn_error *err)
{
    bucketed *b = (bucketed *)r;
    const size_t gradient = r->spec.gradient;
    start_buckets(b, 0);
    /* The call blocks: a ring would send 2 (p - 1) messages for these few bytes. */
    keep_failure(b,
                 MPI_Allreduce(r->buffer + gradient, r->sum + gradient,
                               (int)r->spec.tail, MPI_FLOAT, MPI_SUM, r->comm->world));
    keep_failure(b, MPI_Waitall((int)b->started, b->requests, MPI_STATUSES_IGNORE));
    if (b->received != NULL) {
        sn_bf16_to_float(gradient, b->received, r->sum);
    }
    const int code = b->code;
    b->started = 0;
    b->code = MPI_SUCCESS;
    return sn_mpi_check(code, "gradient reduction", err);
}

const sn_reduction_kind sn_reduction_overlap = {.name = "overlap",
                                                .allows_bf16 = true,
                                                .bytes = bucketed_bytes,
                                                .traffic = ring_traffic,
                                                .object_bytes = sizeof(bucketed),
                                                .open = bucketed_open,
                                                .close = bucketed_close,
                                                .ready = ready,
                                                .finish = bucketed_finish};

const sn_reduction_kind sn_reduction_one_bucket = {.name = "allreduce",
                                                   .bytes = bucketed_bytes,
                                                   .traffic = ring_traffic,
                                                   .object_bytes = sizeof(bucketed),
                                                   .open = one_bucket_open,
                                                   .close = bucketed_close,
                                                   .finish = bucketed_finish};
