/** Checkpoints written by a thread while training goes on (internal to train, rank 0).
 *
 *  HDF5 is not thread-safe: whoever calls the store must have waited for the writer. */
#ifndef SHARDNET_TRAIN_WRITER_H
#define SHARDNET_TRAIN_WRITER_H

#include "shardnet/checkpoint.h"
#include "shardnet/net.h"

typedef struct sn_writer sn_writer;

/** Starts the thread; holds one copy of parameters and velocity.  SN_ENOMEM,
 *  SN_EINTERNAL when no thread can be had. */
sn_status sn_writer_create(const sn_model *model, sn_writer **writer,
                           sn_error *err) SN_MUST_CHECK;

/** Memory of that copy; a file in memory comes on top of it while it is written. */
size_t sn_writer_bytes(const sn_model *model);

/** Waits for the last write, ends the thread. */
void sn_writer_destroy(sn_writer **writer);

/** What to write: path and best each a file's name, or "" for none. */
typedef struct sn_writer_job {
    const char
        *path; /* of a run's checkpoint: then all but the newest keep are removed */
    const char *best;
    const char *run;
    size_t keep;
} sn_writer_job;

/** Copies job and state and returns; the thread writes.  Takes over info's text.  The
 *  writer must be idle: sn_writer_wait first.  A best that could not be written is
 * tried once more before, while the caller waits, unless the job has another: what is
 *  returned is the status of that, with which those weights are lost; the job is taken
 *  all the same. */
sn_status sn_writer_submit(sn_writer *writer, const sn_writer_job *job,
                           const sn_checkpoint_info *info, const float *parameters,
                           const float *velocity, sn_error *err) SN_MUST_CHECK;

/** Waits until the thread is idle.  The status of a write that has failed since the
 * last call, with its message; else SN_OK. */
sn_status sn_writer_wait(sn_writer *writer, sn_error *err) SN_MUST_CHECK;

/** Seconds that callers spent waiting and copying, the longest job (only while idle),
 *  and checkpoints written. */
double sn_writer_stall_seconds(const sn_writer *writer);
double sn_writer_longest_seconds(const sn_writer *writer);
int64_t sn_writer_count(const sn_writer *writer);

#endif
