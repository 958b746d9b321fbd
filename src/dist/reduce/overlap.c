#include "dist/reduce/overlap.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "dist/comm/internal.h"
#include "dist/reduce/reduce.h"
#include "nn/products/bf16.h"

struct sn_overlap {
    MPI_Comm comm;
    const float *message;
    float *result;
    size_t arena, bucket;
    size_t buckets;            /* of the arena */
    size_t started;            /* buckets in flight or done */
    MPI_Request *requests;     /* (buckets) */
    uint16_t *sent, *received; /* (arena) for bf16, else NULL */
    MPI_Op add;                /* of bf16 */
    int code;                  /* of the first MPI call that failed */
};

static void add_bf16(void *a, void *b, int *count, MPI_Datatype *type)
{
    (void)type;
    sn_bf16_add((size_t)*count, a, b);
}

size_t sn_overlap_bytes(size_t arena, sn_wire wire)
{
    return wire == SN_WIRE_BF16 ? 2 * arena * sizeof(uint16_t) : 0;
}

static sn_status prepare(sn_overlap *o, sn_wire wire, sn_error *err)
{
    const size_t buckets = (o->arena + o->bucket - 1) / o->bucket;
    o->requests = calloc(buckets, sizeof *o->requests);
    o->buckets = buckets;
    if (wire == SN_WIRE_BF16) {
        o->sent = sn_alloc(o->arena, sizeof *o->sent);
        o->received = sn_alloc(o->arena, sizeof *o->received);
    }
    if (o->requests == NULL ||
        (wire == SN_WIRE_BF16 && (o->sent == NULL || o->received == NULL))) {
        return sn_fail(err, SN_ENOMEM,
                       "sums over ranks (%zu parameters in %zu buckets): out of memory",
                       o->arena, buckets);
    }
    return wire == SN_WIRE_BF16
               ? sn_mpi_check(MPI_Op_create(add_bf16, 1, &o->add), "MPI_Op_create", err)
               : SN_OK;
}

sn_status sn_overlap_create(sn_comm *comm, const float *message, float *result,
                            size_t arena, size_t bucket, sn_wire wire, sn_overlap **out,
                            sn_error *err)
{
    sn_overlap *overlap = calloc(1, sizeof *overlap);
    sn_status status = SN_OK;
    if (overlap == NULL) {
        status = sn_fail(err, SN_ENOMEM, "sums over ranks: out of memory");
    } else {
        *overlap = (sn_overlap){.comm = comm->world,
                                .message = message,
                                .result = result,
                                .arena = arena,
                                .bucket = bucket,
                                .add = MPI_OP_NULL,
                                .code = MPI_SUCCESS};
        status = prepare(overlap, wire, err);
    }
    status = sn_comm_agree(comm, status, err);
    if (status != SN_OK) {
        sn_overlap_destroy(&overlap);
    }
    *out = overlap;
    return status;
}

void sn_overlap_destroy(sn_overlap **overlap)
{
    if (*overlap != NULL) {
        if ((*overlap)->add != MPI_OP_NULL) {
            MPI_Op_free(&(*overlap)->add);
        }
        free((*overlap)->sent);
        free((*overlap)->received);
        free((*overlap)->requests);
        free(*overlap);
        *overlap = NULL;
    }
}

static void note(sn_overlap *o, int code)
{
    o->code = o->code == MPI_SUCCESS ? code : o->code;
}

/* Sums count elements from first; a failure is kept for sn_overlap_finish. */
static void start(sn_overlap *o, size_t first, size_t count)
{
    MPI_Request *request = &o->requests[o->started++];
    int code;
    if (o->sent != NULL) {
        sn_bf16_from_float(count, o->message + first, o->sent + first);
        code = MPI_Iallreduce(o->sent + first, o->received + first, (int)count,
                              MPI_UINT16_T, o->add, o->comm, request);
    } else {
        code = MPI_Iallreduce(o->message + first, o->result + first, (int)count,
                              MPI_FLOAT, MPI_SUM, o->comm, request);
    }
    if (code != MPI_SUCCESS) {
        *request = MPI_REQUEST_NULL;
        note(o, code);
    }
}

static void start_buckets(sn_overlap *o, size_t first)
{
    while (o->started < o->buckets) {
        const size_t end = o->arena - o->started * o->bucket;
        const size_t begin = end > o->bucket ? end - o->bucket : 0;
        if (begin < first) {
            break;
        }
        start(o, begin, end - begin);
    }
}

void sn_overlap_ready(void *overlap, size_t first)
{
    sn_overlap *o = overlap;
    int all_done;
    start_buckets(o, first);
    note(o, MPI_Testall((int)o->started, o->requests, &all_done, MPI_STATUSES_IGNORE));
}

sn_status sn_overlap_finish(sn_overlap *o, sn_error *err)
{
    start_buckets(o, 0);
    /* blocking, since a ring would take 2 (p - 1) messages for these few bytes */
    note(o, MPI_Allreduce(o->message + o->arena, o->result + o->arena, SN_TAIL_COUNT_OF,
                          MPI_FLOAT, MPI_SUM, o->comm));
    note(o, MPI_Waitall((int)o->started, o->requests, MPI_STATUSES_IGNORE));
    if (o->received != NULL) {
        sn_bf16_to_float(o->arena, o->received, o->result);
    }
    const int code = o->code;
    o->started = 0;
    o->code = MPI_SUCCESS;
    return sn_mpi_check(code, "sum of gradients", err);
}
