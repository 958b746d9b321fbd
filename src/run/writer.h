/* SPDX-License-Identifier: BSD-3-Clause */
/** A thread that writes checkpoints and metrics while training continues.  Rank 0 only;
 *  not collective.
 *
 *  HDF5 is not thread-safe: call sn_writer_wait before any other function of store. */
#ifndef SHARDNET_RUN_WRITER_H
#define SHARDNET_RUN_WRITER_H

#include "nn/net.h"
#include "run/lock.h"
#include "store/checkpoint/checkpoint.h"
#include "store/metrics/rows.h"

typedef struct sn_writer sn_writer;

/** Starts the thread with low priority and allocates a copy of the state.
 *  The caller destroys the writer; network and optimizer must stay valid until then.
 *  Errors: SN_ENOMEM; SN_EINTERNAL if no thread can be created. */
sn_status sn_writer_create(const sn_network *network, const sn_optimizer *optimizer,
                           sn_writer **writer, sn_error *err) SN_MUST_CHECK;

/** Returns the bytes of that copy, whose pages return to the system after each write if
 *  it is large.  While a file is written, its size in memory adds to it.  A second copy
 *  exists if sn_writer_hold_best was called or best.h5 could not be written. */
size_t sn_writer_bytes(const sn_network *network, const sn_optimizer *optimizer);

/** Waits for the last write, stops the thread, frees the writer and sets *writer to
 *  NULL.  Accepts NULL. */
void sn_writer_destroy(sn_writer **writer);

/** One job of the writer. */
typedef struct sn_writer_job {
    const char *run;
    sn_run_lock *lock; /* checked before each write; may be NULL */
    bool step;         /* write the checkpoint of the step */
    bool best;         /* write best.h5 */
    size_t keep;       /* number of checkpoints of steps that rotation keeps */
    sn_rows *rows;     /* rows for metrics.h5; sn_writer_submit moves them out */
} sn_writer_job;

/** Copies info and state for best.h5, which the
 *  next job writes, unless it has a new best.h5 itself.  The first call allocates
 *  memory.  The writer must be idle.  Errors: SN_ENOMEM; then the copy is unchanged.
 */
sn_status sn_writer_hold_best(sn_writer *writer, const sn_checkpoint_info *info,
                              const sn_state *state, sn_error *err) SN_MUST_CHECK;

/** Copies job, info and state and returns; the
 *  thread then writes the rows, best.h5 and the checkpoint of the step.  Rows and a
 *  best.h5 that cannot be written are written with the next job.  The writer must be
 *  idle: call sn_writer_wait first.
 *
 *  Errors: SN_ENOMEM if there is no memory for the rows.  Nothing is written then,
 *  because a checkpoint must not be newer than the rows; job->rows keeps them. */
sn_status sn_writer_submit(sn_writer *writer, const sn_writer_job *job,
                           const sn_checkpoint_info *info, const sn_state *state,
                           sn_error *err) SN_MUST_CHECK;

/** The result of one write; err is set only if status is not SN_OK. */
typedef struct sn_writer_result {
    sn_status status;
    sn_error err;
} sn_writer_result;

/** Totals of all jobs so far. */
typedef struct sn_writer_totals {
    double stall_seconds;   /* time that callers waited and copied */
    double longest_seconds; /* longest job, without its waiting for a core */
    int64_t count;          /* number of checkpoints written */
} sn_writer_totals;

/** The results of a job. */
typedef struct sn_writer_outcome {
    sn_writer_result metrics, best, step;
    sn_writer_result rotate; /* removal of old checkpoints */
    int64_t saved_step;      /* step of the checkpoint written, -1 for none */
    sn_error warning;        /* another message for the user, "" for none */
} sn_writer_outcome;

/** Waits until the thread is idle.  The first call after a job sets *outcome to its
 *  results; other calls set it to success with saved_step -1. */
void sn_writer_wait(sn_writer *writer, sn_writer_outcome *outcome,
                    sn_writer_totals *totals);

#endif
