/* SPDX-License-Identifier: BSD-3-Clause */
/** The decisions of the training loop, separate from their execution. */
#ifndef SHARDNET_TRAIN_DECIDE_H
#define SHARDNET_TRAIN_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/** Unless the configuration demands a checkpoint, files are written at the end of an
 *  epoch and not more often than this. */
enum { SN_FILES_SECONDS = 5 };

/** The input of a decision: the state after a step, and after the evaluation if the
 *  step completes its epoch.  All ranks hold the same values. */
typedef struct sn_moment {
    int64_t step;        /* number of finished updates */
    int64_t epoch;       /* number of finished epochs */
    int64_t best_epoch;  /* epoch of the least validation error, 0 if none */
    int64_t steps_here;  /* number of updates of this invocation */
    bool stop_requested; /* a rank received a signal, or the time limit is near */
    bool checkpoint_due; /* checkpoint.every_minutes have passed */
    bool files_due;      /* SN_FILES_SECONDS have passed since the last write */
    bool epoch_closed;   /* the step completed an epoch; epoch counts it */
    bool improved;       /* the validation error of that epoch is the least so far */
} sn_moment;

/** The next actions of the loop. */
typedef struct sn_decision {
    bool checkpoint; /* write the checkpoint of this step */
    bool best;       /* this state belongs into best.h5 */
    bool write;      /* write files: the rows, best.h5 and the checkpoint; if false,
                        keep the state for best.h5 in memory until the next write */
    bool final;      /* the write is the last one: wait for it and report a failure */
    bool leave;      /* end the loop */
    bool stopped;    /* the run ends early; a later invocation must resume it */
} sn_decision;

/** Returns the decision for a state.  Pure. */
sn_decision sn_decide(const sn_config *config, const sn_moment *moment);

#endif
