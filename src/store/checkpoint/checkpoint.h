/* SPDX-License-Identifier: BSD-3-Clause */
/** Checkpoints: the whole state of a run in one HDF5 file (format version 1). */
#ifndef SHARDNET_STORE_CHECKPOINT_CHECKPOINT_H
#define SHARDNET_STORE_CHECKPOINT_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/file.h"
#include "nn/net.h"
#include "shardnet/status.h"

enum { SN_CHECKPOINT_FORMAT_VERSION = 1, SN_CHECKPOINT_CONFIG_BYTES = 60 * 1024 };

/** The position of a run in its training: the attributes of /progress. */
typedef struct sn_position {
    int64_t epoch;         /* finished epochs */
    int64_t step;          /* finished updates since the start of the run */
    int64_t step_in_epoch; /* finished updates of the current epoch */
    int64_t samples_seen;
    double learning_rate; /* of the last update */
    int64_t best_epoch;   /* number of finished epochs then, from 1; 0 = none yet */
    double best_error;    /* validation error then, a fraction; 1 where none yet */
    uint64_t seed;
    double epoch_loss_sum; /* running sums of the current epoch, so that a resumed
                              epoch reports the same figures */
    int64_t epoch_correct;
    int64_t epoch_samples;
    double train_seconds; /* time spent training, all invocations */
} sn_position;

/** One layer's tensors, row-major: weight (out, in), bias (out). */
typedef struct sn_layer_tensors {
    int64_t in, out;
    float *weight, *bias;
    float *weight_velocity, *bias_velocity;
} sn_layer_tensors;

/** The tensors of a layer, and room for the name of one. */
enum { SN_TENSOR_KINDS = 4, SN_TENSOR_NAME_BYTES = 64 };

/** Views of a model's tensors as a checkpoint names them; tensors (layers) is filled.
 *  velocity may be NULL. */
void sn_checkpoint_tensors(const sn_network *network, float *parameters,
                           float *velocity, sn_layer_tensors *tensors);

/** The content of a checkpoint besides its tensors. */
typedef struct sn_checkpoint_info {
    int64_t format_version;
    char program_version[64];
    char created_utc[32];
    char digest[SN_DIGEST_TEXT_BYTES];
    char config_text[SN_CHECKPOINT_CONFIG_BYTES];
    int64_t input, classes, layers;
    char activation[16];
    double activation_scale_out, activation_scale_in; /* f(z) = out * tanh(in * z) */
    double input_scale; /* network input = byte * input_scale */
    char data_source[16];
    int64_t train_count;
    char train_digest[SN_DIGEST_TEXT_BYTES];
    sn_position position;
} sn_checkpoint_info;

/** Writes path by way of path.tmp: write, close, read back, fsync, rename, fsync of the
 *  folder.  A file under its final name has been verified: path.tmp is opened again,
 *  its structure is checked, every attribute and value must be, bit for bit, that of
 *  the memory of which the digest was made, and HDF5 checks every checksum.  The system
 *  answers from its page cache, so this proves what was handed over to it; what the
 *  device fails to take is reported by fsync. tensors (info->layers).  created_utc,
 *  format_version and digest are filled in by the writer.  Refuses non-finite tensors
 *  with SN_EDIVERGED before anything is written.  The file is first built in memory,
 *  which takes its whole size for a moment: a full disk is then an error and nothing
 *  worse.  Rank 0 only.  SN_ECREATE, SN_EIO, SN_ENOMEM; on failure path.tmp is removed
 *  and an older file of that name is untouched. */
sn_status sn_checkpoint_write(const char *path, const sn_checkpoint_info *info,
                              const sn_layer_tensors *tensors,
                              sn_error *err) SN_MUST_CHECK;

/** About what a checkpoint of these shapes (layers) takes on the disk, and once more in
 *  memory while it is written; only in and out are read.  Pure. */
size_t sn_checkpoint_bytes(const sn_layer_tensors *tensors, int64_t layers);

/** An open checkpoint. */
typedef struct sn_checkpoint sn_checkpoint;

/** Opens path and reads everything but the tensors into *info, checking structure,
 *  ranks, types and sizes (each layer's in is the last one's out, the first is input,
 *  the last classes).  SN_ENOINPUT, SN_EDATA.  On failure nothing stays open. */
sn_status sn_checkpoint_open(const char *path, sn_checkpoint **checkpoint,
                             sn_checkpoint_info *info, sn_error *err) SN_MUST_CHECK;

/** in and out of the layers (info.layers), without tensors, until it is closed. */
const sn_layer_tensors *sn_checkpoint_shapes(const sn_checkpoint *checkpoint);

/** Reads every tensor into tensors (layers), whose shapes must be the file's; velocity
 *  pointers may be NULL, then they are read only for the check.  Checks the digest and
 *  that every value is finite.  SN_EDATA. */
sn_status sn_checkpoint_read(sn_checkpoint *checkpoint, const sn_layer_tensors *tensors,
                             sn_error *err) SN_MUST_CHECK;

void sn_checkpoint_close(sn_checkpoint **checkpoint);

/** A checkpoint in memory.  Start with zeroes. */
typedef struct sn_checkpoint_state {
    sn_checkpoint_info info;
    sn_layer_tensors *layers; /* (info.layers), with velocities */
    float *arena;             /* what the layers are views of */
    int64_t parameters;       /* weights and biases, velocities not counted */
} sn_checkpoint_state;

/** Opens, reads and closes; every check of _open and _read.  *state holds nothing on
 *  failure.  SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_checkpoint_load(const char *path, sn_checkpoint_state *state,
                             sn_error *err) SN_MUST_CHECK;

/** Frees what the state holds and leaves it zero. */
void sn_checkpoint_state_clear(sn_checkpoint_state *state);

/** Makes the same checks as _load with memory for the largest tensor alone.
 *  SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_checkpoint_verify(const char *path, sn_checkpoint_info *info,
                               sn_error *err) SN_MUST_CHECK;

/** Makes RUN and RUN/checkpoints where they are missing.  SN_ECREATE. */
sn_status sn_checkpoint_create_folder(const char *run, sn_error *err) SN_MUST_CHECK;

/** RUN/checkpoints/step-00012345.h5. */
sn_status sn_checkpoint_path(char path[SN_PATH_BYTES], const char *run, int64_t step,
                             sn_error *err) SN_MUST_CHECK;

/** Steps of the checkpoints in RUN/checkpoints, newest first, into *steps (owned by the
 *  caller, free()), *count of them; no folder is count 0.  SN_EIO, SN_ENOMEM. */
sn_status sn_checkpoint_list(const char *run, int64_t **steps, size_t *count,
                             sn_error *err) SN_MUST_CHECK;

/** Of the checkpoints of RUN up to step, which has just been written, removes all but
 * the newest keep (and stale .tmp files); never removes one beyond it, best.h5 or what
 * was set aside.  keep >= 1.  SN_EIO. */
sn_status sn_checkpoint_rotate(const char *run, int64_t step, size_t keep,
                               sn_error *err) SN_MUST_CHECK;

/** RUN/checkpoints/best.h5, whether it is there or not. */
sn_status sn_checkpoint_best_path(char path[SN_PATH_BYTES], const char *run,
                                  sn_error *err) SN_MUST_CHECK;

/** Path of the newest checkpoint under RUN (best.h5 where there is no other), or RUN
 *  itself when it is a file.  SN_ENOINPUT when there is none. */
sn_status sn_checkpoint_resolve(const char *file_or_run, char path[SN_PATH_BYTES],
                                sn_error *err) SN_MUST_CHECK;

#endif
