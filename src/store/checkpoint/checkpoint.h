/* SPDX-License-Identifier: BSD-3-Clause */
/** Checkpoints: the state of a run in one HDF5 file.  Format version 2 adds
 *  optional tensors to version 1: the second moments of adamw, and the current
 *  parameters if /model has their average.  A file of version 2 has one or both.
 *  Older programs read version 1, the version of a file with neither.  No function is
 *  collective. */
#ifndef SHARDNET_STORE_CHECKPOINT_CHECKPOINT_H
#define SHARDNET_STORE_CHECKPOINT_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/numeric/digest.h"
#include "base/system/file.h"
#include "nn/net.h"
#include "nn/optimizer.h"
#include "shardnet/status.h"
#include "store/metrics/rows.h"

enum { SN_CHECKPOINT_FORMAT_VERSION = 2, SN_CHECKPOINT_CONFIG_BYTES = 60 * 1024 };

/** The position of a run: the attributes of the group /progress. */
typedef struct sn_position {
    int64_t epoch;         /* finished epochs */
    int64_t step;          /* finished updates since the start of the run */
    int64_t step_in_epoch; /* finished updates of the current epoch */
    int64_t samples_seen;
    double learning_rate; /* learning rate at the last update */
    int64_t best_epoch;   /* epoch with the least validation error, from 1; 0: none */
    double best_error;    /* its validation error, a fraction; 1 if none */
    uint64_t seed;
    double epoch_loss_sum; /* running sums of the current epoch; with them a resumed
                              epoch reports the same metrics */
    int64_t epoch_correct;
    int64_t epoch_samples;
    double train_seconds; /* training time of all invocations */
} sn_position;

/** One layer's tensors, row-major: weight (out, in), bias (out). */
typedef struct sn_layer_tensors {
    int64_t in, out;
    float *weight, *bias;
    float *weight_velocity, *bias_velocity;
    float *weight_second_moment, *bias_second_moment;
    float *weight_current, *bias_current; /* NULL unless weight and bias are averages */
} sn_layer_tensors;

/** Tensors per layer; bytes of a tensor name. */
enum { SN_TENSOR_KINDS = 8, SN_TENSOR_NAME_BYTES = 64 };

/** Fills tensors (network->layers) with views of the state, whose arrays may be NULL.
 *  weight and bias are those that are evaluated. */
void sn_checkpoint_tensors(const sn_network *network, const sn_state *state,
                           sn_layer_tensors *tensors);

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
    bool second_moments, averaged; /* the checkpoint has such tensors */
} sn_checkpoint_info;

/** Writes a checkpoint: builds the file in memory, writes path.tmp, reads it back,
 *  fsyncs it, renames it to path and fsyncs the folder.  tensors (info->layers); those
 *  that info excludes are NULL.  The function sets created_utc, format_version and
 *  digest itself.  pending: rows that metrics.h5 does not hold yet (see
 *  store/metrics/pending.h); NULL: none.
 *
 *  Reading back checks the structure and compares every attribute and value, bit for
 *  bit, with the memory that the digest was computed from; HDF5 checks every checksum.
 *  The data come from the page cache; an error of the device is reported by fsync.
 *
 *  Needs memory for the whole file.  Rank 0 only.  Errors: SN_EDIVERGED if a value is
 *  not finite (nothing is written), SN_ECREATE, SN_EIO, SN_ENOMEM, SN_EINTERNAL.  On
 *  failure path.tmp is removed, and an existing file at path is unchanged unless only
 *  the fsync of the folder failed. */
sn_status sn_checkpoint_write(const char *path, const sn_checkpoint_info *info,
                              const sn_layer_tensors *tensors, const sn_rows *pending,
                              sn_error *err) SN_MUST_CHECK;

/** Returns the approximate size in bytes of a checkpoint file.  Writing needs as much
 *  memory.  Reads layers, second_moments and averaged of info, and in and out of
 *  tensors (info->layers).  Pure. */
size_t sn_checkpoint_bytes(const sn_checkpoint_info *info,
                           const sn_layer_tensors *tensors);

/** An open checkpoint. */
typedef struct sn_checkpoint sn_checkpoint;

/** Opens path and reads everything except the tensors into *info.  Checks structure,
 *  ranks, types and sizes: in of the first layer is input, in of each other layer is
 *  out of the layer before it, out of the last layer is classes.  The caller closes
 *  *checkpoint, which is NULL on failure; info then has its format version, if it could
 *  be read, and zeros.  Errors: SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_checkpoint_open(const char *path, sn_checkpoint **checkpoint,
                             sn_checkpoint_info *info, sn_error *err) SN_MUST_CHECK;

/** Returns true if status and info, results of sn_checkpoint_open, report damage.  A later
 *  version of the program can read a file of a later format: this is not damage. */
bool sn_checkpoint_is_damaged(sn_status status, const sn_checkpoint_info *info);

/** Returns in and out of the layers (info.layers); the tensor pointers are NULL.  Valid
 *  until the checkpoint is closed. */
const sn_layer_tensors *sn_checkpoint_shapes(const sn_checkpoint *checkpoint);

/** Reads every tensor of the file into tensors (info.layers), whose shapes must match
 *  the file.  A tensor whose pointer is NULL is only checked.  Checks the digest and
 *  that every value is finite.  Errors: SN_EDATA, SN_ENOMEM. */
sn_status sn_checkpoint_read(sn_checkpoint *checkpoint, const sn_layer_tensors *tensors,
                             sn_error *err) SN_MUST_CHECK;

/** Closes the file and sets *checkpoint to NULL.  Accepts NULL. */
void sn_checkpoint_close(sn_checkpoint **checkpoint);

/** A checkpoint in memory.  Initialize with zeros. */
typedef struct sn_checkpoint_state {
    sn_checkpoint_info info;
    sn_layer_tensors *layers; /* (info.layers): views of arena */
    float *arena;             /* all tensors */
    int64_t parameters;       /* number of weights and biases */
} sn_checkpoint_state;

/** Opens, reads and closes the checkpoint at path, with all checks of
 *  sn_checkpoint_open and sn_checkpoint_read.  The caller clears *state, which is zero
 *  on failure.  Errors: SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_checkpoint_load(const char *path, sn_checkpoint_state *state,
                             sn_error *err) SN_MUST_CHECK;

/** Frees the memory of the state and sets it to zeros. */
void sn_checkpoint_state_clear(sn_checkpoint_state *state);

/** Makes the same checks as sn_checkpoint_load, but needs memory only for the largest
 *  tensor.  Errors: SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_checkpoint_verify(const char *path, sn_checkpoint_info *info,
                               sn_error *err) SN_MUST_CHECK;

/** Appends the rows that the checkpoint at path carries (see store/metrics/pending.h)
 *  to rows.  Rank 0 only.  Errors: SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_checkpoint_pending(const char *path, sn_rows *rows,
                                sn_error *err) SN_MUST_CHECK;

/** Returns the epoch that the last step of the position belongs to, from 1; 0 before
 *  the first step.  Pure. */
int64_t sn_position_epoch(const sn_position *position);

/** Creates RUN and RUN/checkpoints if they are missing.  Errors: SN_ECREATE. */
sn_status sn_checkpoint_create_folder(const char *run, sn_error *err) SN_MUST_CHECK;

/** Writes RUN/checkpoints/step-00012345.h5 to path.  Errors: SN_ERANGE. */
sn_status sn_checkpoint_path(char path[SN_PATH_BYTES], const char *run, int64_t step,
                             sn_error *err) SN_MUST_CHECK;

/** Lists the steps of the checkpoints in RUN/checkpoints, newest first, in *steps
 *  (*count), which the caller frees.  A missing folder gives *count 0.  Errors: SN_EIO,
 *  SN_ENOMEM. */
sn_status sn_checkpoint_list(const char *run, int64_t **steps, size_t *count,
                             sn_error *err) SN_MUST_CHECK;

/** Removes old checkpoints of RUN: of those up to step, the one just written, keeps the
 *  newest keep (>= 1).  Also removes temporary files of killed writes.  Never removes a
 *  checkpoint after step, best.h5 or a file that sn_file_move_away renamed.  Errors:
 *  SN_EIO, SN_ENOMEM. */
sn_status sn_checkpoint_rotate(const char *run, int64_t step, size_t keep,
                               sn_error *err) SN_MUST_CHECK;

/** Writes RUN/checkpoints/best.h5 to path; the file need not exist.  Errors: SN_ERANGE.
 */
sn_status sn_checkpoint_best_path(char path[SN_PATH_BYTES], const char *run,
                                  sn_error *err) SN_MUST_CHECK;

/** Writes the path of a checkpoint to path: file_or_run itself if it is a file, else
 *  the newest checkpoint of that run, or its best.h5 if the run has no other.  Errors:
 *  SN_ENOINPUT if there is none, SN_ERANGE, SN_EIO, SN_ENOMEM. */
sn_status sn_checkpoint_resolve(const char *file_or_run, char path[SN_PATH_BYTES],
                                sn_error *err) SN_MUST_CHECK;

#endif
