/* SPDX-License-Identifier: BSD-3-Clause */
/** A model: a network with its parameters and the description in its checkpoint. */
#ifndef SHARDNET_EVAL_MODEL_H
#define SHARDNET_EVAL_MODEL_H

#include "data/dataset.h"
#include "eval/predict.h"
#include "shardnet/model.h"
#include "store/checkpoint/checkpoint.h"

struct sn_model {
    char path[SN_PATH_BYTES]; /* the checkpoint file */
    sn_checkpoint_info info;  /* zeros on ranks that did not read the file */
    sn_dataset_spec spec;     /* the data set that the configuration names */
    sn_error notice;          /* a warning on the rank that read the file, or "" */
    sn_network network;
    float *parameters;      /* (network.arena) */
    sn_predictor predictor; /* zeros before the first prediction */
};

#endif
