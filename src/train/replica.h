/* SPDX-License-Identifier: BSD-3-Clause */
/** A rank's copy of what is trained, and the memory that a step works in. */
#ifndef SHARDNET_TRAIN_REPLICA_H
#define SHARDNET_TRAIN_REPLICA_H

#include "config/config.h"
#include "data/augment.h"
#include "dist/comm/comm.h"
#include "nn/net.h"
#include "nn/optimizer.h"
#include "store/checkpoint/checkpoint.h"

/** The tail, which travels behind the gradient; each element is summed over the
 *  pieces of all ranks.  Counts
 *  are exact in float up to 2^24. */
typedef enum sn_tail {
    SN_TAIL_LOSS,       /* sum of the losses */
    SN_TAIL_CORRECT,    /* samples classified correctly */
    SN_TAIL_COUNT,      /* samples seen */
    SN_TAIL_NON_FINITE, /* pieces with a non-finite number or failed products */
    SN_TAIL_STOP,       /* pieces whose rank was asked to stop */
    SN_TAIL_CHECKPOINT, /* pieces whose rank wants a checkpoint now */
    SN_TAIL_ELEMENTS = 16
} sn_tail;

/** Buffers of the largest piece of a batch that a rank computes at once. */
typedef struct sn_batch {
    float *x;             /* (capacity, input) */
    uint8_t *labels;      /* (capacity) */
    uint32_t *samples;    /* (capacity): their numbers in the training set */
    sn_augment **augment; /* (augment_count), one per thread; NULL for none */
    int augment_count;
} sn_batch;

typedef struct sn_replica {
    sn_network network;
    float *parameters, *velocity; /* arenas */
    uint16_t *weights_bf16;       /* arena, NULL for fp32; follows the parameters */
    sn_layer_tensors tensors[SN_MAX_HIDDEN + 1]; /* views of parameters and velocity */
    sn_optimizer optimizer;
    sn_dropout dropout; /* rates; a step sets seed and epoch */
    sn_workspace workspace;
    sn_batch batch;
} sn_replica;

/** Bytes of what a replica holds; rows is the capacity of workspace and batch. */
typedef struct sn_replica_sizes {
    size_t rows;
    size_t parameters, velocity, weights_bf16; /* arenas; weights_bf16 0 for fp32 */
    size_t workspace;                          /* activations, masks, their gradient */
    size_t x, labels, samples;                 /* of the batch */
} sn_replica_sizes;

/** The sizes for train_count samples on size ranks.  Pure. */
sn_replica_sizes sn_replica_sizes_of(const sn_config *config, const sn_network *network,
                                     uint64_t train_count, int size);

/** The network of a configuration for input features and classes, on size ranks (0: not
 *  known yet).  Not collective.  SN_ECONFIG where model.hidden makes it larger than one
 *  reduction can carry, or size ranks cannot share the batch; SN_ENOMEM.  The caller
 *  clears the network. */
sn_status sn_replica_network(const sn_config *config, size_t input, size_t classes,
                             int size, sn_network *network,
                             sn_error *err) SN_MUST_CHECK;

/** Allocates a replica for the data set on size ranks, with threads threads.  The
 *  parameters are not set.  Not collective; sn_replica_close is right after a failure
 *  too.  SN_ECONFIG, SN_ENOMEM, SN_ERANGE. */
sn_status sn_replica_open(sn_replica *replica, const sn_config *config,
                          const sn_dataset *data, int size, int threads,
                          sn_error *err) SN_MUST_CHECK;

/** Draws the initial weights.  The velocity is zero since sn_replica_open. */
void sn_replica_draw(sn_replica *replica, const sn_config *config, uint64_t seed);

/** Rounds the bf16 weights once more, after parameters came from elsewhere than an
 *  update. */
void sn_replica_round(sn_replica *replica);

/** Gives rank 0's parameters, velocity and position to all ranks.  Collective.
 *  SN_EMPI. */
sn_status sn_replica_distribute(sn_comm *comm, sn_replica *replica,
                                sn_position *position, sn_error *err) SN_MUST_CHECK;

/** Frees what the replica holds and leaves it zero. */
void sn_replica_close(sn_replica *replica);

#endif
