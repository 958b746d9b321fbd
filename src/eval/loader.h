/* SPDX-License-Identifier: BSD-3-Clause */
/** Loading the data set once a node, and models from checkpoints. */
#ifndef SHARDNET_EVAL_LOADER_H
#define SHARDNET_EVAL_LOADER_H

#include "config/config.h"
#include "data/dataset.h"
#include "dist/comm/comm.h"
#include "dist/node/node.h"
#include "nn/net.h"
#include "store/checkpoint/checkpoint.h"

/** A data set and the node's memory that holds it. */
typedef struct sn_loaded {
    sn_dataset data;
    sn_node_memory memory;
} sn_loaded;

/** The leader of each node reads; the node's ranks share the bytes.  Refuses nodes that
 *  see different data.  Collective.  What sn_dataset_probe, _fill and _view give. */
sn_status sn_loader_data(sn_comm *comm, const sn_dataset_spec *spec, sn_loaded *loaded,
                         sn_error *err) SN_MUST_CHECK;

/** Loads the data set of a configuration.  Collective.  As sn_loader_data; SN_ECONFIG
 *  names the key where a key leaves nothing to train on. */
sn_status sn_loader_dataset(sn_comm *comm, const sn_config *config, sn_loaded *loaded,
                            sn_error *err) SN_MUST_CHECK;

/** Accepts zeroes.  Not collective. */
void sn_loaded_clear(sn_loaded *loaded);

/** Model and parameters (new arena, the caller frees it) of a checkpoint, checked as by
 *  sn_checkpoint_read.  On failure nothing is held.  Not
 *  collective.  SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_loader_read_model(const char *path, sn_checkpoint_info *info,
                               sn_network *network, float **parameters,
                               sn_error *err) SN_MUST_CHECK;

/** Gives rank 0's model and parameters to the other ranks, whose *model and *parameters
 *  are empty before; each rank clears and frees its own, on failure too.  Collective.
 *  SN_ENOMEM, SN_EMPI. */
sn_status sn_loader_broadcast_model(sn_comm *comm, sn_network *network,
                                    float **parameters, sn_error *err) SN_MUST_CHECK;

#endif
