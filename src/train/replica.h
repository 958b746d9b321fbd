/* SPDX-License-Identifier: BSD-3-Clause */
/** The replica: a rank's copy of the parameters and the velocity, and the memory that a
 *  step uses. */
#ifndef SHARDNET_TRAIN_REPLICA_H
#define SHARDNET_TRAIN_REPLICA_H

#include "config/config.h"
#include "data/augment.h"
#include "dist/comm/comm.h"
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
    float *parameters, *velocity; /* (arena) */
    uint16_t *weights_bf16;       /* (arena): rounded parameters; NULL for fp32 */
    sn_layer_tensors tensors[SN_MAX_HIDDEN + 1]; /* views of parameters and velocity */
    sn_optimizer optimizer;
    sn_dropout dropout; /* rates; the step sets seed and epoch */
    sn_workspace workspace;
    sn_batch batch;
} sn_replica;

/** Sizes of the arrays of a replica in bytes. */
typedef struct sn_replica_sizes {
    size_t rows;                               /* capacity of workspace and batch */
    size_t parameters, velocity, weights_bf16; /* weights_bf16 is 0 for fp32 */
    size_t workspace;                          /* activations, masks, gradients */
    size_t x, labels, samples;                 /* arrays of the batch */
} sn_replica_sizes;

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

/** Allocates a replica for the data set on size ranks with threads threads each.
 *  Parameters and velocity are zero.  The caller calls sn_replica_close, also after an
 *  error.  Not collective.  Errors: SN_ECONFIG, SN_ENOMEM, SN_ERANGE. */
sn_status sn_replica_open(sn_replica *replica, const sn_config *config,
                          const sn_dataset *data, int size, int threads,
                          sn_error *err) SN_MUST_CHECK;

/** Draws the initial parameters from seed.  Not collective. */
void sn_replica_draw(sn_replica *replica, const sn_config *config, uint64_t seed);

/** Recomputes the bf16 weights from the parameters, if the replica has bf16 weights.
 *  Required after every change of the parameters except an update.  Not collective. */
void sn_replica_weights_to_bf16(sn_replica *replica);

/** Copies parameters, velocity and position from rank 0 to all ranks.  Collective.
 *  Errors: SN_EMPI. */
sn_status sn_replica_distribute(sn_comm *comm, sn_replica *replica,
                                sn_position *position, sn_error *err) SN_MUST_CHECK;

/** Frees the memory of the replica and sets it to zero.  Not collective. */
void sn_replica_close(sn_replica *replica);

#endif
