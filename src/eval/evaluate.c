/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/evaluate.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "data/batch.h"
#include "data/sampler.h"
#include "dist/watchdog/watchdog.h"

/* Adds the predictions, the first largest of the logits z (rows, classes), to confusion
 * (classes, classes). */
static void count_predictions(size_t rows, size_t classes, const uint8_t *labels,
                              const float *z, double *confusion)
{
    for (size_t i = 0; i < rows; i++) {
        const float *row = z + i * classes;
        size_t best = 0;
        for (size_t j = 1; j < classes; j++) {
            best = row[j] > row[best] ? j : best;
        }
        confusion[labels[i] * classes + best] += 1;
    }
}

/* Returns the loss of the block that begins at sample first, and adds its predictions
 * to confusion (classes, classes) unless that is NULL. */
static sn_loss evaluate_block(const sn_network *network, const float *parameters,
                              sn_workspace *workspace, float *x, const sn_split *split,
                              size_t first, double *confusion)
{
    size_t rows = split->count - first;
    if (rows > SN_EVALUATION_ROWS) {
        rows = SN_EVALUATION_ROWS;
    }
    sn_bytes_to_float(rows * network->input, split->images + first * network->input, x);
    float *z = sn_net_forward(network, parameters, workspace, x, rows);
    const uint8_t *labels = split->labels + first;
    if (confusion != NULL) {
        count_predictions(rows, network->classes, labels, z, confusion);
    }
    return sn_softmax_gradient(rows, network->classes, labels, z);
}

sn_status sn_evaluate(sn_comm *comm, const sn_network *network, const float *parameters,
                      sn_workspace *workspace, float *x, const sn_split *split,
                      sn_evaluation *evaluation, int64_t *confusion, sn_error *err)
{
    static const sn_activity evaluating = {"evaluation", false};
    const size_t blocks = (split->count + SN_EVALUATION_ROWS - 1) / SN_EVALUATION_ROWS;
    const sn_range mine =
        sn_rank_range((sn_range){0, blocks}, sn_comm_rank(comm), sn_comm_size(comm));
    sn_status status = SN_OK;
    const size_t cells = confusion != NULL ? network->classes * network->classes : 0;
    /* (blocks + 1 + cells): loss of each block; number of correct predictions, exact to
     * 2^53; confusion */
    double *sums = sn_comm_allocate(comm, blocks + 1 + cells, sizeof *sums,
                                    "evaluation", &status, err);
    for (size_t block = mine.begin; status == SN_OK && block < mine.end; block++) {
        sn_watchdog_mark(comm, &evaluating, -1);
        if (sn_fault_check("evaluate.slow", sn_comm_rank(comm), -1, NULL) != SN_OK) {
            sleep(1);
        }
        const sn_loss loss_of_block = evaluate_block(
            network, parameters, workspace, x, split, block * SN_EVALUATION_ROWS,
            confusion != NULL ? sums + blocks + 1 : NULL);
        sums[block] = loss_of_block.sum; /* on the other ranks it is 0 */
        sums[blocks] += (double)loss_of_block.correct;
    }
    sn_watchdog_mark(comm, &sn_watchdog_agreement, -1);
    if (status == SN_OK) {
        status = sn_comm_agree(comm, sn_products_status(workspace->products, err), err);
    }
    if (status == SN_OK) {
        status = sn_comm_sum_double(comm, sums, (int)(blocks + 1 + cells), err);
    }
    double loss = 0, correct = 0;
    if (status == SN_OK) {
        for (size_t block = 0; block < blocks; block++) {
            loss += sums[block];
        }
        correct = sums[blocks];
        for (size_t cell = 0; cell < cells; cell++) {
            confusion[cell] = (int64_t)sums[blocks + 1 + cell];
        }
    }
    free(sums);
    *evaluation =
        (sn_evaluation){.loss = split->count == 0 ? NAN : loss / (double)split->count,
                        .correct = (int64_t)correct,
                        .count = (int64_t)split->count};
    return status;
}

double sn_evaluation_error(const sn_evaluation *evaluation)
{
    return evaluation->count == 0
               ? NAN
               : 1 - (double)evaluation->correct / (double)evaluation->count;
}
