/* SPDX-License-Identifier: BSD-3-Clause */
/** Exact sharded evaluation. */
#ifndef SHARDNET_EVAL_EVALUATE_H
#define SHARDNET_EVAL_EVALUATE_H

#include "data/dataset.h"
#include "dist/comm/comm.h"
#include "nn/net.h"
#include "shardnet/model.h"

/** Samples that are evaluated together, whatever the number of ranks. */
enum { SN_EVALUATION_ROWS = 128 };

/** Loss and correct predictions over a split: each rank takes some of its blocks of
 *  SN_EVALUATION_ROWS, nothing is padded, and the blocks' losses are added in their
 *  order, so that the result does not depend on the number of ranks.  x (workspace
 *  capacity, features) is scratch; the capacity is SN_EVALUATION_ROWS or more.
 *  Collective.  SN_ENOMEM, SN_EMPI. */
sn_status sn_evaluate(sn_comm *comm, const sn_network *network, const float *parameters,
                      sn_workspace *workspace, float *x, const sn_split *split,
                      sn_evaluation *evaluation, sn_error *err) SN_MUST_CHECK;

/** Error fraction, NAN for an empty split. */
double sn_evaluation_error(const sn_evaluation *evaluation);

#endif
