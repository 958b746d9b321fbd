#include "shardnet/overlap.h"

#include <stdlib.h>

#include "dist/internal.h"
#include "shardnet/reduce.h"

struct sn_overlap {
    MPI_Comm comm;
    const float *message;
    float *result;
    size_t arena, bucket;
    size_t buckets;        /* of the arena; the tail follows as one more request */
    size_t started;        /* buckets in flight or done */
    MPI_Request *requests; /* (buckets + 1) */
    int code;              /* of the first MPI call that failed */
};

sn_status sn_overlap_create(sn_comm *comm, const float *message, float *result,
                            size_t arena, size_t bucket, sn_overlap **out,
                            sn_error *err)
{
    sn_overlap *overlap = calloc(1, sizeof *overlap);
    const size_t buckets = (arena + bucket - 1) / bucket;
    MPI_Request *requests = calloc(buckets + 1, sizeof *requests);
    *out = overlap;
    if (overlap == NULL || requests == NULL) {
        free(overlap);
        free(requests);
        *out = NULL;
        return sn_fail(err, SN_ENOMEM, "overlapped sums (%zu buckets): out of memory",
                       buckets);
    }
    *overlap = (sn_overlap){.comm = comm->world,
                            .message = message,
                            .result = result,
                            .arena = arena,
                            .bucket = bucket,
                            .buckets = buckets,
                            .requests = requests,
                            .code = MPI_SUCCESS};
    return SN_OK;
}

void sn_overlap_destroy(sn_overlap **overlap)
{
    if (*overlap != NULL) {
        free((*overlap)->requests);
        free(*overlap);
        *overlap = NULL;
    }
}

/* Sums count elements from first; a failure is kept for sn_overlap_finish. */
static void start(sn_overlap *o, size_t first, size_t count)
{
    MPI_Request *request = &o->requests[o->started++];
    const int code = MPI_Iallreduce(o->message + first, o->result + first, (int)count,
                                    MPI_FLOAT, MPI_SUM, o->comm, request);
    if (code != MPI_SUCCESS) {
        *request = MPI_REQUEST_NULL;
        o->code = o->code == MPI_SUCCESS ? code : o->code;
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
    const int code =
        MPI_Testall((int)o->started, o->requests, &all_done, MPI_STATUSES_IGNORE);
    if (code != MPI_SUCCESS && o->code == MPI_SUCCESS) {
        o->code = code;
    }
}

sn_status sn_overlap_finish(sn_overlap *o, sn_error *err)
{
    start_buckets(o, 0);
    start(o, o->arena, SN_TAIL_COUNT_OF);
    const int code = MPI_Waitall((int)o->started, o->requests, MPI_STATUSES_IGNORE);
    const int failed = o->code != MPI_SUCCESS ? o->code : code;
    o->started = 0;
    o->code = MPI_SUCCESS;
    return sn_mpi_check(failed, "overlapped sum of gradients", err);
}
