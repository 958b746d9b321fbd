/** The step's one message: gradient || tail, summed over ranks. */
#ifndef SHARDNET_DIST_REDUCE_REDUCE_H
#define SHARDNET_DIST_REDUCE_REDUCE_H

#include <stddef.h>

#include "dist/comm/comm.h"

/** What travels behind the gradient, each summed over ranks.  Counts are exact in float
 *  up to 2^24. */
typedef enum sn_tail {
    SN_TAIL_LOSS,       /* sum of the losses */
    SN_TAIL_CORRECT,    /* samples classified correctly */
    SN_TAIL_COUNT,      /* samples seen */
    SN_TAIL_NON_FINITE, /* ranks that found a non-finite loss or gradient */
    SN_TAIL_STOP,       /* ranks asked to stop */
    SN_TAIL_CHECKPOINT, /* ranks that want a checkpoint now */
    SN_TAIL_COUNT_OF = 16
} sn_tail;

/** SN_ERANGE when gradient and tail together exceed an MPI count. */
sn_status sn_reduce_check(size_t arena, sn_error *err) SN_MUST_CHECK;

/** message (arena + SN_TAIL_COUNT_OF) := its sum over all ranks, in place, by one
 *  MPI_Allreduce.  Collective.  Cost: MPI's; ring algorithms move 2 (p - 1) / p of the
 *  message.  SN_EMPI. */
sn_status sn_reduce_sum(sn_comm *comm, float *message, size_t arena,
                        sn_error *err) SN_MUST_CHECK;

#endif
