/* SPDX-License-Identifier: BSD-3-Clause */
/** The replica contains the state of training and the memory that this rank uses in a
 *  step.
 *
 *  A node holds one copy of a large state, and each rank updates its part of this copy:
 *  the optimizer is sharded inside the node (Rajbhandari et al. 2020, ZeRO), and all
 *  ranks read the result in place.  Every rank has a private copy of a small state, and
 *  updates all of it.  The bits are the same. */
#ifndef SHARDNET_TRAIN_STEP_REPLICA_H
#define SHARDNET_TRAIN_STEP_REPLICA_H

#include "config/config.h"
#include "data/augment.h"
#include "dist/comm/comm.h"
#include "dist/node/memory.h"
#include "nn/net.h"
#include "nn/optimizer.h"
#include "store/checkpoint/checkpoint.h"

/** The tail of the gradient buffer.  The reduction sums each element over the
 *  microbatches of all ranks; counts are exact in float32 up to 2^24. */
typedef enum sn_tail {
    SN_TAIL_LOSS,       /* sum of the losses */
    SN_TAIL_CORRECT,    /* number of samples classified correctly */
    SN_TAIL_COUNT,      /* number of samples */
    SN_TAIL_NON_FINITE, /* microbatches with a non-finite number or failed products */
    SN_TAIL_STOP,       /* microbatches whose rank requests a stop */
    SN_TAIL_CHECKPOINT, /* microbatches whose rank requests a checkpoint */
    SN_TAIL_FILES,      /* microbatches whose rank requests a write of files */
    SN_TAIL_ELEMENTS = 16
} sn_tail;

/** Inputs of a microbatch; capacity is the size of the largest one, in samples. */
typedef struct sn_batch {
    float *x;          /* (capacity, input) */
    uint8_t *labels;   /* (capacity) */
    uint32_t *samples; /* (capacity): indices into the training set */
    sn_augment *
        *augment; /* (augment_count), one per thread; NULL without augmentation */
    int augment_count;
} sn_batch;

typedef struct sn_replica {
    sn_network network;
    sn_node_memory memory; /* contains state, weights_bf16 and squares */
    sn_state state;
    uint16_t *weights_bf16; /* (arena): rounded parameters; NULL for fp32 */
    double *squares;        /* (sn_clip_blocks), see nn/clip.h; NULL without clipping */
    sn_layer_tensors tensors[SN_MAX_HIDDEN + 1]; /* views of the state */
    sn_optimizer optimizer;
    sn_dropout dropout; /* rates; the step sets seed and epoch */
    sn_workspace workspace;
    sn_batch batch;
} sn_replica;

/** Sizes of the arrays of a replica in bytes. */
typedef struct sn_replica_sizes {
    size_t rows;                     /* capacity of workspace and batch */
    size_t parameters, weights_bf16; /* weights_bf16 is 0 for fp32 */
    size_t moments;                  /* velocity and second moments */
    size_t average;                  /* 0 without averaging */
    size_t squares;                  /* 0 without clipping */
    size_t workspace;                /* activations, masks, gradients */
    size_t x, labels, samples;       /* arrays of the batch */
} sn_replica_sizes;

/** Returns whether the ranks of a node share a state of these sizes.  Pure.
 *
 *  They do if private copies would need 16 MiB or more together.  Below that the copies
 *  fit into the caches, and a rank reads its own copy faster than data that another
 *  core wrote: on 2 ranks with 1 MiB of L2 each, a shared state makes a step 5 to 20 %
 *  slower from 784-30-10 to 784-800-10 with batch 64, and 2 to 20 % faster from
 *  784-800-800-10 on. */
bool sn_replica_shares_state(const sn_replica_sizes *sizes, int node_ranks);

/** Returns the sizes for train_count training samples on size ranks.  Pure. */
sn_replica_sizes sn_replica_sizes_of(const sn_config *config, const sn_network *network,
                                     uint64_t train_count, int size);

/** Creates the network of a configuration for input features and classes, and checks
 *  that size ranks (0: not known yet) can train it.  The caller clears the network,
 *  also after an error.  Not collective.  Errors: SN_ECONFIG if model.hidden exceeds
 *  the limit of a reduction or size ranks cannot share the batch; SN_ENOMEM. */
sn_status sn_replica_network(const sn_config *config, size_t input, size_t classes,
                             int size, sn_network *network,
                             sn_error *err) SN_MUST_CHECK;

/** Allocates a replica for the data set on the ranks of comm with threads threads each;
 *  comm is NULL in a process without MPI.  The state is zero.  The caller calls
 *  sn_replica_close, also after an error.  Collective; the same status on all ranks.
 *  Errors: SN_ECONFIG, SN_ENOMEM, SN_ERANGE, SN_EMPI. */
sn_status sn_replica_open(sn_comm *comm, sn_replica *replica, const sn_config *config,
                          const sn_dataset *data, int threads,
                          sn_error *err) SN_MUST_CHECK;

/** Draws the initial parameters from seed.  Rank 0 only, before
 *  sn_replica_distribute. */
void sn_replica_draw(sn_replica *replica, const sn_config *config, uint64_t seed);

/** Broadcasts the position and the state of rank 0, and updates the bf16 weights of
 *  every rank.  Required after every change of the
 *  parameters except an update.  Collective.  Errors: SN_EMPI. */
sn_status sn_replica_distribute(sn_comm *comm, sn_replica *replica,
                                sn_position *position, sn_error *err) SN_MUST_CHECK;

/** Frees the memory of the replica and sets it to zero.  Not collective. */
void sn_replica_close(sn_replica *replica);

#endif
