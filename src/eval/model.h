/* SPDX-License-Identifier: BSD-3-Clause */
/** A loaded model with what its checkpoint says of itself and of its data. */
#ifndef SHARDNET_EVAL_MODEL_H
#define SHARDNET_EVAL_MODEL_H

#include "data/dataset.h"
#include "eval/predict.h"
#include "shardnet/model.h"
#include "store/checkpoint/checkpoint.h"

struct sn_model {
    char path[SN_PATH_BYTES]; /* the checkpoint file */
    sn_checkpoint_info info;  /* of the process that read the file, else zeroes */
    sn_dataset_spec spec;     /* the data set that the configuration names */
    sn_error notice;          /* a warning of the process that read the file, or "" */
    sn_network network;
    float *parameters;      /* (network.arena) */
    sn_predictor predictor; /* zeroes before the first prediction */
};

#endif
