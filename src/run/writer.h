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
sn_status sn_writer_create(const sn_network *model, sn_writer **writer,
                           sn_error *err) SN_MUST_CHECK;

/** Memory of that copy; a file in memory comes on top of it while it is written. */
size_t sn_writer_bytes(const sn_network *model);

/** Waits for the last write, ends the thread. */
void sn_writer_destroy(sn_writer **writer);

/** What to write. */
typedef struct sn_writer_job {
    const char *run;
    const char *path; /* of the step's checkpoint, after which all but the newest keep
                         are removed; "" for none */
    bool best;        /* best.h5 */
    size_t keep;
    sn_rows
        *rows; /* for metrics.h5; taken over and left empty, as far as memory goes */
} sn_writer_job;

/** Copies job and state and returns; the thread writes: the rows, then the checkpoints.
 *  Takes over info's text.  Rows that could not be written are kept and tried again
 * with the next job.  The writer must be idle: sn_writer_wait first.  A best.h5 that
 * could not be written is tried once more before, while the caller waits, unless the
 * job has another: what is returned is the status of that, with which those weights are
 * lost; the job is taken all the same. */
sn_status sn_writer_submit(sn_writer *writer, const sn_writer_job *job,
                           const sn_checkpoint_info *info, const float *parameters,
                           const float *velocity, sn_error *err) SN_MUST_CHECK;

/** What became of a part of a job; err only where status is not SN_OK. */
typedef struct sn_writer_part {
    sn_status status;
    sn_error err;
} sn_writer_part;

/** What became of a job.  Where the step's checkpoint is SN_OK it is on the disk and
 *  verified, whatever became of the rest. */
typedef struct sn_writer_outcome {
    sn_writer_part metrics, best, step;
    sn_writer_part rotate; /* removing older checkpoints */
    sn_error notice;       /* what else the user should know, "" for nothing */
} sn_writer_outcome;

/** Waits until the thread is idle and tells the outcome of the last job. */
void sn_writer_wait(sn_writer *writer, sn_writer_outcome *outcome);

/** Seconds that callers spent waiting and copying; those that the longest job takes
 * when nothing else wants its core (only while idle); and checkpoints written. */
double sn_writer_stall_seconds(const sn_writer *writer);
double sn_writer_longest_seconds(const sn_writer *writer);
int64_t sn_writer_count(const sn_writer *writer);

#endif
