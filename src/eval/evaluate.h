/* SPDX-License-Identifier: BSD-3-Clause */
/** Evaluates a network on a split of a data set, sharded over the ranks. */
#ifndef SHARDNET_EVAL_EVALUATE_H
#define SHARDNET_EVAL_EVALUATE_H

#include "data/dataset.h"
#include "dist/comm/comm.h"
#include "nn/net.h"
#include "shardnet/model.h"

/** Samples per block.  Does not depend on the number of ranks. */
enum { SN_EVALUATION_ROWS = 128 };

/** A network, and memory for its forward pass over SN_EVALUATION_ROWS samples or more. */
typedef struct sn_voter {
    const sn_network *network;
    const float *parameters; /* (network->arena) */
    sn_workspace *workspace;
    size_t cols, width; /* the images have cols columns; see sn_width_normalize */
} sn_voter;

/** Computes mean loss and number of correct predictions of a split.  Each rank
 *  evaluates a contiguous range of blocks of SN_EVALUATION_ROWS samples.  Nothing is
 *  padded, and the losses of the blocks are added in their order, so that the result
 *  does not depend on the number of ranks.
 *
 *  parameters (network->arena).  x (capacity of the workspace, features) is scratch;
 *  the capacity is at least SN_EVALUATION_ROWS.  The loss of an empty split is NAN.
 *  confusion (classes, classes), unless NULL: row l, column p receives the number of
 *  samples with label l and prediction p, on every rank.  Collective.  Errors:
 *  SN_ENOMEM, SN_EMPI; SN_ERANGE for too many blocks or classes. */
sn_status sn_evaluate(sn_comm *comm, const sn_network *network, const float *parameters,
                      sn_workspace *workspace, float *x, const sn_split *split,
                      sn_evaluation *evaluation, int64_t *confusion,
                      sn_error *err) SN_MUST_CHECK;

/** Evaluates each of voters (count), which have the same inputs and classes, and the
 *  mean of their probabilities.  If count = 1, evaluation has one element, else
 *  1 + count: first the mean, to which confusion belongs, then one per voter.
 *  Collective.  Errors: as sn_evaluate. */
sn_status sn_evaluate_committee(sn_comm *comm, const sn_voter *voters, size_t count,
                                float *x, const sn_split *split,
                                sn_evaluation *evaluation, int64_t *confusion,
                                sn_error *err) SN_MUST_CHECK;

/** Returns the error as a fraction, NAN for an empty split.  Pure. */
double sn_evaluation_error(const sn_evaluation *evaluation);

/** Returns the number of samples of a class.  confusion (classes, classes) is that of
 *  sn_evaluate.  Pure. */
int64_t sn_confusion_samples(const int64_t *confusion, size_t classes, size_t truth);

/** Returns the largest number of samples of a class with the same wrong prediction.
 *  Pure. */
int64_t sn_confusion_most(const int64_t *confusion, size_t classes);

/** Returns the share of wrong predictions among the samples of a class; NAN if there
 *  are none.  Pure. */
double sn_confusion_error(const int64_t *confusion, size_t classes, size_t truth);

#endif
