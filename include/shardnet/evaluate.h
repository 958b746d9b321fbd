/** Exact sharded evaluation. */
#ifndef SHARDNET_EVALUATE_H
#define SHARDNET_EVALUATE_H

#include <stdint.h>

#include "shardnet/comm.h"
#include "shardnet/dataset.h"
#include "shardnet/net.h"

typedef struct sn_evaluation {
    double loss;     /* mean cross-entropy; NAN for an empty split */
    int64_t correct; /* exact */
    int64_t count;
} sn_evaluation;

/** Loss and correct predictions over a split: each rank takes a contiguous part,
 * nothing is padded, counts are summed as integers.  x (workspace capacity, features)
 * and labels are scratch.  Collective.  SN_EMPI. */
sn_status sn_evaluate(sn_comm *comm, const sn_model *model, const float *parameters,
                      sn_workspace *workspace, float *x, const sn_split *split,
                      sn_evaluation *evaluation, sn_error *err) SN_MUST_CHECK;

/** Error fraction, NAN for an empty split. */
double sn_evaluation_error(const sn_evaluation *evaluation);

#endif
