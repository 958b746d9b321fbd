/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/evaluate.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "data/batch.h"
#include "data/sampler.h"
#include "data/width.h"
#include "dist/watchdog/watchdog.h"
#include "eval/vote.h"

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

/* The networks that are evaluated, and memory. */
typedef struct jury {
    const sn_voter *voters; /* (count) */
    size_t count;
    float *x;
    float *p, *mean;     /* (SN_EVALUATION_ROWS, classes) each, if count > 1 */
    uint8_t *normalized; /* (input) */
} jury;

/* Sums over all ranks: losses (results, blocks), numbers of correct predictions
 * (results), which are exact to 2^53, and confusion (cells). */
typedef struct tally {
    size_t results, blocks, cells;
    double *loss, *correct, *confusion;
} tally;

static void record(const tally *sums, size_t result, size_t block, sn_loss loss)
{
    sums->loss[result * sums->blocks + block] = loss.sum; /* 0 on the other ranks */
    sums->correct[result] += (double)loss.correct;
}

/* Adds a network with outputs z (rows, classes) to sums (rows): the logarithm of the
 * networks' summed probabilities of the label.  Overwrites z. */
static void add_logarithms(size_t rows, size_t classes, const uint8_t *labels, float *z,
                           double *sums)
{
    for (size_t i = 0; i < rows; i++) {
        const sn_loss loss =
            sn_softmax_gradient(1, classes, labels + i, 0, z + i * classes);
        sums[i] = sn_vote_log_sum(sums[i], -loss.sum);
    }
}

/* Returns the loss of the mean p (rows, classes) of the probabilities of count networks.
 * These may be 0 as floats, so the loss is computed from sums (add_logarithms). */
static sn_loss loss_of_mean(size_t rows, size_t classes, const uint8_t *labels,
                            const float *p, size_t count, const double *sums)
{
    sn_loss loss = {0, 0};
    for (size_t i = 0; i < rows; i++) {
        const float *row = p + i * classes;
        loss.sum += log((double)count) - sums[i];
        loss.correct += sn_vote_result(classes, row).best == labels[i];
    }
    return loss;
}

/* X := the inputs of a voter for images (rows, input). */
static void read_inputs(const jury *j, const sn_voter *voter, const uint8_t *images,
                        size_t rows)
{
    const size_t input = voter->network->input;
    if (voter->width == 0) {
        sn_bytes_to_float(rows * input, images, j->x);
        return;
    }
    for (size_t i = 0; i < rows; i++) {
        sn_width_normalize(input / voter->cols, voter->cols, voter->width,
                           images + i * input, j->normalized);
        sn_bytes_to_float(input, j->normalized, j->x + i * input);
    }
}

/* Evaluates a block of samples.  The results are those of sn_evaluate_committee. */
static void evaluate_block(const jury *j, const sn_split *split, size_t block,
                           const tally *sums)
{
    const sn_network *network = j->voters[0].network;
    const size_t first = block * SN_EVALUATION_ROWS, classes = network->classes;
    const size_t left = split->count - first;
    const size_t rows = left < SN_EVALUATION_ROWS ? left : SN_EVALUATION_ROWS;
    const size_t outputs = rows * classes;
    const uint8_t *labels = split->labels + first;
    const bool several = j->count > 1;
    double logarithms[SN_EVALUATION_ROWS];
    for (size_t i = 0; i < rows; i++) {
        logarithms[i] = -INFINITY;
    }
    for (size_t v = 0; v < j->count; v++) {
        const sn_voter *voter = &j->voters[v];
        if (v == 0 || voter->width != voter[-1].width) {
            read_inputs(j, voter, split->images + first * network->input, rows);
        }
        float *z = sn_net_forward(voter->network, voter->parameters, voter->workspace,
                                  j->x, rows);
        if (several) {
            memcpy(j->p, z, outputs * sizeof *z);
            add_logarithms(rows, classes, labels, j->p, logarithms);
            memcpy(j->p, z, outputs * sizeof *z);
            sn_softmax(rows, classes, j->p);
            memset(j->mean, 0, v == 0 ? outputs * sizeof *j->mean : 0);
            sn_vote_add(j->count, outputs, j->p, j->mean);
        } else if (sums->cells > 0) {
            count_predictions(rows, classes, labels, z, sums->confusion);
        }
        record(sums, several ? 1 + v : 0, block,
               sn_softmax_gradient(rows, classes, labels, 0, z));
    }
    if (several) {
        record(sums, 0, block,
               loss_of_mean(rows, classes, labels, j->mean, j->count, logarithms));
    }
    if (several && sums->cells > 0) {
        count_predictions(rows, classes, labels, j->mean, sums->confusion);
    }
}

/* Evaluates this rank's blocks. */
static void evaluate_blocks(sn_comm *comm, const jury *j, const sn_split *split,
                            const tally *sums)
{
    static const sn_activity evaluating = {"evaluation", false, false};
    const sn_range mine = sn_rank_range((sn_range){0, sums->blocks}, sn_comm_rank(comm),
                                        sn_comm_size(comm));
    for (size_t block = mine.begin; block < mine.end; block++) {
        sn_watchdog_mark(comm, &evaluating, -1);
        if (sn_fault_check("evaluate.slow", sn_comm_rank(comm), -1, NULL) != SN_OK) {
            sleep(1);
        }
        evaluate_block(j, split, block, sums);
    }
    sn_watchdog_mark(comm, &sn_watchdog_agreement, -1);
}

static void read_tally(const tally *sums, size_t samples, sn_evaluation *evaluation,
                       int64_t *confusion)
{
    for (size_t r = 0; r < sums->results; r++) {
        double loss = 0;
        for (size_t block = 0; block < sums->blocks; block++) {
            loss += sums->loss[r * sums->blocks + block];
        }
        evaluation[r] =
            (sn_evaluation){.loss = samples == 0 ? NAN : loss / (double)samples,
                            .correct = (int64_t)sums->correct[r],
                            .count = (int64_t)samples};
    }
    for (size_t cell = 0; cell < sums->cells; cell++) {
        confusion[cell] = (int64_t)sums->confusion[cell];
    }
}

sn_status sn_evaluate_committee(sn_comm *comm, const sn_voter *voters, size_t count,
                                float *x, const sn_split *split,
                                sn_evaluation *evaluation, int64_t *confusion,
                                sn_error *err)
{
    const size_t classes = voters[0].network->classes;
    const size_t outputs = count > 1 ? SN_EVALUATION_ROWS * classes : 0;
    const size_t image = voters[0].network->input / sizeof(double) + 1;
    tally sums = {.results = count > 1 ? 1 + count : 1,
                  .blocks =
                      (split->count + SN_EVALUATION_ROWS - 1) / SN_EVALUATION_ROWS,
                  .cells = confusion != NULL ? classes * classes : 0};
    const size_t values = sums.results * (sums.blocks + 1) + sums.cells;
    sn_status status = SN_OK;
    /* The sums come first, then p and mean, then one image.  Two floats have the size of
     * one double. */
    sums.loss = sn_comm_allocate(comm, values + outputs + image, sizeof *sums.loss,
                                 "evaluation", &status, err);
    if (status == SN_OK) {
        float *p = (float *)(void *)(sums.loss + values);
        const jury j = {voters, count, x, p, p + outputs, (uint8_t *)(p + 2 * outputs)};
        sums.correct = sums.loss + sums.results * sums.blocks;
        sums.confusion = sums.correct + sums.results;
        evaluate_blocks(comm, &j, split, &sums);
        for (size_t v = 0; v < count && status == SN_OK; v++) {
            status = sn_products_status(voters[v].workspace->products, err);
        }
        status = sn_comm_agree(comm, status, err);
    }
    if (status == SN_OK) {
        status = sn_comm_sum_double(comm, sums.loss, values, err);
    }
    if (status == SN_OK) {
        read_tally(&sums, split->count, evaluation, confusion);
    }
    free(sums.loss);
    return status;
}

sn_status sn_evaluate(sn_comm *comm, const sn_network *network, const float *parameters,
                      sn_workspace *workspace, float *x, const sn_split *split,
                      sn_evaluation *evaluation, int64_t *confusion, sn_error *err)
{
    const sn_voter voter = {network, parameters, workspace, 0, 0};
    return sn_evaluate_committee(comm, &voter, 1, x, split, evaluation, confusion, err);
}

double sn_evaluation_error(const sn_evaluation *evaluation)
{
    return evaluation->count == 0
               ? NAN
               : 1 - (double)evaluation->correct / (double)evaluation->count;
}

int64_t sn_confusion_samples(const int64_t *confusion, size_t classes, size_t truth)
{
    int64_t count = 0;
    for (size_t j = 0; j < classes; j++) {
        count += confusion[truth * classes + j];
    }
    return count;
}

int64_t sn_confusion_most(const int64_t *confusion, size_t classes)
{
    int64_t most = 0;
    for (size_t i = 0; i < classes * classes; i++) {
        const bool wrong = i / classes != i % classes;
        most = wrong && confusion[i] > most ? confusion[i] : most;
    }
    return most;
}

double sn_confusion_error(const int64_t *confusion, size_t classes, size_t truth)
{
    const int64_t count = sn_confusion_samples(confusion, classes, truth);
    const int64_t correct = confusion[truth * classes + truth];
    return count > 0 ? (double)(count - correct) / (double)count : NAN;
}
