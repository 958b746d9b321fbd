/* SPDX-License-Identifier: BSD-3-Clause */
/** Predicts the classes of images.  Not collective. */
#ifndef SHARDNET_EVAL_PREDICT_H
#define SHARDNET_EVAL_PREDICT_H

#include <stddef.h>
#include <stdint.h>

#include "nn/net.h"
#include "shardnet/model.h"

/** A network and memory for a forward pass of at least SN_EVALUATION_ROWS rows. */
typedef struct sn_predictor {
    const sn_network *network; /* network and parameters must stay valid */
    const float *parameters;   /* (network->arena) */
    sn_workspace workspace;
    float *x; /* (workspace.capacity, input) */
} sn_predictor;

/** Allocates the memory.  The caller calls sn_predictor_clear, also after a failure.
 *  Errors: SN_ENOMEM, SN_ERANGE. */
sn_status sn_predictor_init(sn_predictor *predictor, const sn_network *network,
                            const float *parameters, sn_error *err) SN_MUST_CHECK;
/** Frees the memory.  Accepts zeros. */
void sn_predictor_clear(sn_predictor *predictor);

/** Writes predictions (count) of images (count, input), which are bytes as for
 *  sn_bytes_to_float.  Uses the same forward pass as sn_evaluate, then softmax.
 *  probabilities (count, classes), unless NULL, := those of all classes.  Allocates
 *  nothing. */
void sn_predict(sn_predictor *predictor, const uint8_t *images, size_t count,
                sn_prediction *predictions, float *probabilities);

#endif
