/* SPDX-License-Identifier: BSD-3-Clause */
/** Classes of single images by a trained model. */
#ifndef SHARDNET_EVAL_PREDICT_H
#define SHARDNET_EVAL_PREDICT_H

#include <stddef.h>
#include <stdint.h>

#include "nn/net.h"
#include "shardnet/model.h"

/** A model and the memory for its forward pass, at least SN_EVALUATION_ROWS rows. */
typedef struct sn_predictor {
    const sn_network *network; /* both are the caller's and must stay */
    const float *parameters;   /* (network->arena) */
    sn_workspace workspace;
    float *x; /* (workspace.capacity, input) */
} sn_predictor;

/** SN_ENOMEM, SN_ERANGE; sn_predictor_clear is right after a failure too. */
sn_status sn_predictor_init(sn_predictor *predictor, const sn_network *network,
                            const float *parameters, sn_error *err) SN_MUST_CHECK;
void sn_predictor_clear(sn_predictor *predictor);

/** predictions (count) of images (count, input), bytes as in sn_bytes_to_float, by the
 *  forward pass and softmax of sn_evaluate.  Not collective; allocates nothing. */
void sn_predict(sn_predictor *predictor, const uint8_t *images, size_t count,
                sn_prediction *predictions);

#endif
