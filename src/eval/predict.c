/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/predict.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/batch.h"
#include "eval/evaluate.h"
#include "eval/vote.h"
#include "nn/loss.h"

enum { ROWS = 2 * SN_EVALUATION_ROWS };

sn_status sn_predictor_init(sn_predictor *predictor, const sn_network *network,
                            const float *parameters, sn_error *err)
{
    *predictor = (sn_predictor){.network = network, .parameters = parameters};
    const sn_status status = sn_workspace_init(&predictor->workspace, network, ROWS,
                                               false, SN_PRECISION_FP32, err);
    predictor->x = sn_alloc(network->input, ROWS * sizeof *predictor->x);
    return status != SN_OK || predictor->x != NULL
               ? status
               : sn_fail(err, SN_ENOMEM, "out of memory");
}

void sn_predictor_clear(sn_predictor *predictor)
{
    sn_workspace_clear(&predictor->workspace);
    free(predictor->x);
    *predictor = (sn_predictor){0};
}

void sn_predict(sn_predictor *predictor, const uint8_t *images, size_t count,
                sn_prediction *predictions, float *probabilities)
{
    const sn_network *network = predictor->network;
    for (size_t first = 0; first < count; first += ROWS) {
        const size_t rows = count - first < ROWS ? count - first : ROWS;
        sn_bytes_to_float(rows * network->input, images + first * network->input,
                          predictor->x);
        float *z = sn_net_forward(network, predictor->parameters, &predictor->workspace,
                                  predictor->x, rows);
        sn_softmax(rows, network->classes, z);
        if (probabilities != NULL) {
            memcpy(probabilities + first * network->classes, z,
                   rows * network->classes * sizeof *z);
        }
        for (size_t i = 0; i < rows; i++) {
            predictions[first + i] =
                sn_vote_result(network->classes, z + i * network->classes);
        }
    }
}
