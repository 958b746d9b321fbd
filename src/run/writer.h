/* SPDX-License-Identifier: BSD-3-Clause */
/** Checkpoints and metrics written by a thread while training goes on.  Rank 0
 *  only.
 *
 *  HDF5 is not thread-safe: whoever calls the store must have waited for the writer. */
#ifndef SHARDNET_RUN_WRITER_H
#define SHARDNET_RUN_WRITER_H

#include "nn/net.h"
#include "store/checkpoint/checkpoint.h"
#include "store/metrics/rows.h"

typedef struct sn_writer sn_writer;

/** Starts the thread, which gives way to training on its core; holds one copy of
 * parameters and velocity.  SN_ENOMEM, SN_EINTERNAL when no thread can be had. */
sn_status sn_writer_create(const sn_network *network, sn_writer **writer,
                           sn_error *err) SN_MUST_CHECK;

/** Memory of that copy; a file in memory comes on top of it while it is written. */
size_t sn_writer_bytes(const sn_network *network);

/** Waits for the last write, ends the thread. */
void sn_writer_destroy(sn_writer **writer);

/** The work for one submission. */
typedef struct sn_writer_job {
    const char *run;
    bool step; /* the checkpoint of the step, after which all but the newest keep are
                      removed */
    bool best; /* best.h5 */
    size_t keep;
    sn_rows
        *rows; /* for metrics.h5; taken over and left empty, as far as memory goes */
} sn_writer_job;

/** Copies job and state and returns; the thread writes: the rows, then the checkpoints.
 *  Rows that could not be written are kept and tried again
 * with the next job.  The writer must be idle: sn_writer_wait first.  A best.h5 that
 * could not be written is tried once more before, while the caller waits, unless the
 * job has another: what is returned is the status of that, with which those weights are
 * lost; the job is taken all the same. */
sn_status sn_writer_submit(sn_writer *writer, const sn_writer_job *job,
                           const sn_checkpoint_info *info, const float *parameters,
                           const float *velocity, sn_error *err) SN_MUST_CHECK;

/** The outcome of one part of a job; err is set only where status is not SN_OK. */
typedef struct sn_writer_result {
    sn_status status;
    sn_error err;
} sn_writer_result;

/** The work of a writer so far. */
typedef struct sn_writer_totals {
    double stall_seconds;   /* callers waited and copied */
    double longest_seconds; /* the longest job takes when nothing else wants its core */
    int64_t count;          /* checkpoints written */
} sn_writer_totals;

/** The outcome of a job. */
typedef struct sn_writer_outcome {
    sn_writer_result metrics, best, step;
    sn_writer_result rotate; /* removing older checkpoints */
    int64_t saved_step; /* its checkpoint is on the disk and verified, whatever became
                              of the rest; -1 for none */
    sn_error notice;    /* what else the user should know, "" for nothing */
} sn_writer_outcome;

/** Waits until the thread is idle.  The outcome is that of the last job, the first time
 *  after it; then, and before the first job, that of nothing to do. */
void sn_writer_wait(sn_writer *writer, sn_writer_outcome *outcome,
                    sn_writer_totals *totals);

#endif
