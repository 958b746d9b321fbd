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

/* Returns the loss of the block that begins at sample first. */
static sn_loss evaluate_block(const sn_network *network, const float *parameters,
                              sn_workspace *workspace, float *x, const sn_split *split,
                              size_t first)
{
    size_t rows = split->count - first;
    if (rows > SN_EVALUATION_ROWS) {
        rows = SN_EVALUATION_ROWS;
    }
    sn_bytes_to_float(rows * network->input, split->images + first * network->input, x);
    float *z = sn_net_forward(network, parameters, workspace, x, rows);
    return sn_softmax_gradient(rows, network->classes, split->labels + first, z);
}

sn_status sn_evaluate(sn_comm *comm, const sn_network *network, const float *parameters,
                      sn_workspace *workspace, float *x, const sn_split *split,
                      sn_evaluation *evaluation, sn_error *err)
{
    static const sn_activity evaluating = {"evaluation", false};
    const size_t blocks = (split->count + SN_EVALUATION_ROWS - 1) / SN_EVALUATION_ROWS;
    const sn_range mine =
        sn_rank_range((sn_range){0, blocks}, sn_comm_rank(comm), sn_comm_size(comm));
    sn_status status = SN_OK;
    /* (blocks + 1): loss of each block; number of correct predictions, exact to 2^53 */
    double *sums =
        sn_comm_allocate(comm, blocks + 1, sizeof *sums, "evaluation", &status, err);
    for (size_t block = mine.begin; status == SN_OK && block < mine.end; block++) {
        sn_watchdog_mark(comm, &evaluating, -1);
        if (sn_fault_check("evaluate.slow", sn_comm_rank(comm), -1, NULL) != SN_OK) {
            sleep(1);
        }
        const sn_loss loss_of_block = evaluate_block(network, parameters, workspace, x,
                                                     split, block * SN_EVALUATION_ROWS);
        sums[block] = loss_of_block.sum; /* on the other ranks it is 0 */
        sums[blocks] += (double)loss_of_block.correct;
    }
    sn_watchdog_mark(comm, &sn_watchdog_agreement, -1);
    if (status == SN_OK) {
        status = sn_comm_agree(comm, sn_products_status(workspace->products, err), err);
    }
    if (status == SN_OK) {
        status = sn_comm_sum_double(comm, sums, (int)blocks + 1, err);
    }
    double loss = 0, correct = 0;
    if (status == SN_OK) {
        for (size_t block = 0; block < blocks; block++) {
            loss += sums[block];
        }
        correct = sums[blocks];
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
