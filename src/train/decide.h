/* SPDX-License-Identifier: BSD-3-Clause */
/** Decisions of the training loop. */
#ifndef SHARDNET_TRAIN_DECIDE_H
#define SHARDNET_TRAIN_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/** What the loop knows after a step and, where the step completes its epoch, after the
 *  evaluation of that epoch.  All ranks hold the same values. */
typedef struct sn_moment {
    int64_t step;        /* finished updates */
    int64_t epoch;       /* finished epochs */
    int64_t best_epoch;  /* epoch of the least validation error, 0 for none */
    int64_t steps_here;  /* updates of this invocation */
    bool asked_to_stop;  /* a rank was asked to stop, or the time limit is near */
    bool checkpoint_due; /* checkpoint.every_minutes have passed */
    bool epoch_closed;   /* the step was the last one of its epoch; epoch counts it */
    bool improved;       /* the validation error of that epoch is the least so far */
} sn_moment;

/** What the loop does next. */
typedef struct sn_decision {
    bool checkpoint; /* write the checkpoint of this step */
    bool best;       /* write best.h5 */
    bool final;      /* it is the last write: wait for it, report its failure */
    bool leave;      /* end the loop */
    bool stopped;    /* the run ends early and is to be resumed */
} sn_decision;

/** The decision at a moment.  Pure. */
sn_decision sn_decide(const sn_config *config, const sn_moment *moment);

#endif
