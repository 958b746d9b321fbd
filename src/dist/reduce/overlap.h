/** The sum over ranks while the backward pass goes on: the arena is cut into buckets
 *  from its end, each summed by MPI_Iallreduce as soon as its gradients are final.
 *
 *  Open MPI makes no progress on a nonblocking collective by itself, so the backward
 *  pass calls sn_overlap_ready between pieces of its products, and that calls MPI_Test.
 *  Cost of a bucket of n bytes in a ring: 2 (p - 1) alpha + 2 (p - 1) / p n beta.  The
 *  ring is asked of Open MPI in launch.c; by itself Open MPI 4.1 takes a binomial tree
 * on fewer than 4 ranks and with MPI_IN_PLACE, the whole message log2(p) times up and
 * down, and so the result has its own memory. */
#ifndef SHARDNET_DIST_REDUCE_OVERLAP_H
#define SHARDNET_DIST_REDUCE_OVERLAP_H

#include <stddef.h>

#include "dist/comm/comm.h"

typedef struct sn_overlap sn_overlap;

/** How the arena travels; the tail is always sent as it is. */
typedef enum sn_wire {
    SN_WIRE_FP32,
    SN_WIRE_BF16 /* half the bytes; every gradient, and every sum of two, is rounded to
                    8 bits of significand: 2^-8 relative, (1 + log2 p) times for p ranks
                  */
} sn_wire;

/** message (arena + SN_TAIL_COUNT_OF) is the sum's operand, result of the same size
 *  its outcome; both belong to the caller and outlive the object.  bucket: elements, at
 *  least 1; the whole arena makes a plain sum.  Memory: 4 bytes an element for bf16.
 *  Collective.  SN_ENOMEM, SN_EMPI. */
sn_status sn_overlap_create(sn_comm *comm, const float *message, float *result,
                            size_t arena, size_t bucket, sn_wire wire,
                            sn_overlap **overlap, sn_error *err) SN_MUST_CHECK;

/** Memory that _create takes besides, but for a request a bucket.  Pure. */
size_t sn_overlap_bytes(size_t arena, sn_wire wire);

/** Only between steps.  Collective.  Accepts NULL. */
void sn_overlap_destroy(sn_overlap **overlap);

/** message from element first to the end of the arena is final: starts the buckets that
 *  lie in it and lets the started ones get on.  overlap is an sn_overlap; the type is
 *  that of sn_workspace's observer.  Every rank starts the same buckets in the same
 *  order, whatever first it calls with.  Not collective, does not wait. */
void sn_overlap_ready(void *overlap, size_t first);

/** The rest of the arena and the tail are final too: starts them and waits for all.
 *  Collective.  SN_EMPI, also for what failed in sn_overlap_ready. */
sn_status sn_overlap_finish(sn_overlap *overlap, sn_error *err) SN_MUST_CHECK;

#endif
