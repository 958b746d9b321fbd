/* SPDX-License-Identifier: BSD-3-Clause */
/** Trained models: load, evaluate, predict. */
#ifndef SHARDNET_MODEL_H
#define SHARDNET_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "shardnet/comm.h"
#include "shardnet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sn_model sn_model;

/** The set of samples that an evaluation uses. */
typedef enum sn_split_name {
    SN_SPLIT_TEST,
    SN_SPLIT_TRAIN,
    SN_SPLIT_VALIDATION /* held out by the configuration of the checkpoint */
} sn_split_name;

typedef struct sn_evaluation {
    double loss;     /* mean cross-entropy; NAN for an empty split */
    int64_t correct; /* number of correct predictions */
    int64_t count;   /* number of samples */
} sn_evaluation;

/** The two most probable classes of an image.  If two classes are equally probable, the
 *  lower index comes first.  If the model has one class, second is that class too, with
 *  probability 0. */
typedef struct sn_prediction {
    size_t best, second;
    double best_probability, second_probability;
} sn_prediction;

/** Loads the model of a checkpoint.  path names a checkpoint file or the folder of a
 *  run; in a folder, the function chooses the same checkpoint as `shardnet eval`.
 *  comm NULL: not collective; this process reads the file, and MPI need not be
 *  initialized.  Otherwise collective over comm: rank 0 reads the file and broadcasts
 *  the model.  The caller owns *model and destroys it; *model is NULL on failure.
 *  Errors: SN_ENOINPUT, SN_EDATA, SN_ENOMEM, SN_EMPI. */
SN_API sn_status sn_model_load(sn_comm *comm, const char *path, sn_model **model,
                               sn_error *err) SN_MUST_CHECK;

/** Frees *model, which may be NULL, and sets it to NULL.  Not collective. */
SN_API void sn_model_destroy(sn_model **model);

/** Returns the number of values of an image, rows * columns.  Not collective. */
SN_API size_t sn_model_input(const sn_model *model);

/** Returns the number of classes.  Not collective. */
SN_API size_t sn_model_classes(const sn_model *model);

/** Returns the path of the loaded checkpoint; the model owns the string.  Not
 *  collective. */
SN_API const char *sn_model_path(const sn_model *model);

/** Computes the mean loss and counts the correct predictions over a split of the data
 *  set in the folder data_dir.  data_dir NULL selects the data set that the
 *  configuration of the checkpoint names or, if that is missing, the one in the folder
 *  SHARDNET_DATA, if it has the same training set.  The result does not depend on the
 *  number of ranks.  Collective: the model must have been loaded with the same comm;
 *  the arguments must be the same on all ranks; all ranks return the same status.  The
 *  function sets the number of threads for matrix products to the rank's share of the
 *  node's cores.  Errors: SN_EDATA if the images or labels do not match the model,
 *  SN_ECONFIG if the split is empty, SN_EUSAGE if the path is too long, SN_ENOINPUT,
 *  SN_ENOMEM, SN_EMPI. */
SN_API sn_status sn_model_evaluate(sn_comm *comm, const sn_model *model,
                                   const char *data_dir, sn_split_name split,
                                   sn_evaluation *evaluation,
                                   sn_error *err) SN_MUST_CHECK;

/** Predicts the classes of count images.  images (count, input): row-major bytes; the
 *  input of the network is byte / 255.  predictions (count): output.  The images must
 *  be prepared as the training data were (MNIST: bright ink on black, centred).
 *  Not collective; only one thread at a time may use a model.
 *  Errors: SN_ENOMEM, SN_ERANGE; with data.width also SN_EDATA if the size of the
 *  images is unknown.  Without data.width only the first call can fail. */
SN_API sn_status sn_model_predict(sn_model *model, const uint8_t *images, size_t count,
                                  sn_prediction *predictions,
                                  sn_error *err) SN_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
