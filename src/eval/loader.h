/* SPDX-License-Identifier: BSD-3-Clause */
/** Loads the data set once per node, and networks from checkpoints. */
#ifndef SHARDNET_EVAL_LOADER_H
#define SHARDNET_EVAL_LOADER_H

#include "config/config.h"
#include "data/dataset.h"
#include "dist/comm/comm.h"
#include "dist/node/memory.h"
#include "nn/net.h"
#include "store/checkpoint/checkpoint.h"

/** A data set and the shared memory of the node that holds it. */
typedef struct sn_loaded {
    sn_dataset data;
    sn_node_memory memory;
} sn_loaded;

/** Loads a data set.  One rank per node reads the files into memory that all ranks of
 *  the node share.  The caller clears *loaded, which is empty on failure.  Collective.
 *  Errors: SN_ECONFIG if the nodes read different data; those of sn_dataset_probe,
 *  sn_dataset_fill and sn_dataset_view; SN_ENOMEM, SN_EMPI. */
sn_status sn_loader_data(sn_comm *comm, const sn_dataset_spec *spec, sn_loaded *loaded,
                         sn_error *err) SN_MUST_CHECK;

/** Loads the data set of a configuration, see sn_loader_data.  Collective.  Errors:
 *  those of sn_loader_data; SN_ECONFIG, and err names the key, if a key leaves no
 *  training samples. */
sn_status sn_loader_dataset(sn_comm *comm, const sn_config *config, sn_loaded *loaded,
                            sn_error *err) SN_MUST_CHECK;

/** Reads the data set of spec; sn_dataset_view explains digest.  *data points into
 *  *storage, which the caller frees, also on failure.  Not collective.
 *  Errors: as sn_dataset_probe, sn_dataset_fill, sn_dataset_view; SN_ENOMEM. */
sn_status sn_loader_read(const sn_dataset_spec *spec, const char *digest,
                         sn_dataset_shape *shape, uint8_t **storage, sn_dataset *data,
                         sn_error *err) SN_MUST_CHECK;

/** Frees the data set.  Accepts zeros.  Not collective. */
void sn_loaded_clear(sn_loaded *loaded);

/** Reads network and parameters from the checkpoint at path, with all checks of
 *  sn_checkpoint_read.  The caller clears *network and frees *parameters
 *  (network->arena); both are empty on failure.  Not collective.  Errors: SN_ENOINPUT,
 *  SN_EDATA, SN_ENOMEM. */
sn_status sn_loader_read_model(const char *path, sn_checkpoint_info *info,
                               sn_network *network, float **parameters,
                               sn_error *err) SN_MUST_CHECK;

/** Broadcasts network and parameters of rank 0.  On the other ranks both must be empty
 *  before.  Each rank clears and frees its own, also after a failure.  Collective.
 *  Errors: SN_ENOMEM, SN_EMPI. */
sn_status sn_loader_broadcast_model(sn_comm *comm, sn_network *network,
                                    float **parameters, sn_error *err) SN_MUST_CHECK;

#endif
