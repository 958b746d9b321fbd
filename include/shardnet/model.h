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

/** Samples of a data set. */
typedef enum sn_split_name {
    SN_SPLIT_TEST,
    SN_SPLIT_TRAIN,
    SN_SPLIT_VALIDATION /* held out by the configuration of the checkpoint */
} sn_split_name;

typedef struct sn_evaluation {
    double loss;     /* mean cross-entropy; NAN for an empty split */
    int64_t correct; /* exact */
    int64_t count;
} sn_evaluation;

/** The two most probable classes of an image.  Of equal ones the lower comes first; of
 *  a model with one class second is that class too, with probability 0. */
typedef struct sn_prediction {
    size_t best, second;
    double best_probability, second_probability;
} sn_prediction;

/** Loads path, a checkpoint file or the folder of a run, which means the checkpoint
 *  that `shardnet eval` takes.  comm NULL: this process reads the file; not collective,
 *  and MPI need not run.  Otherwise rank 0 reads and all ranks of comm receive;
 *  collective.  *model is the caller's, to be destroyed; NULL on failure.  SN_ENOINPUT,
 *  SN_EDATA, SN_ENOMEM, SN_EMPI. */
SN_API sn_status sn_model_load(sn_comm *comm, const char *path, sn_model **model,
                               sn_error *err) SN_MUST_CHECK;

/** Accepts NULL, leaves NULL.  Not collective. */
SN_API void sn_model_destroy(sn_model **model);

/** Values of an image, rows * columns.  Not collective. */
SN_API size_t sn_model_input(const sn_model *model);

/** Not collective. */
SN_API size_t sn_model_classes(const sn_model *model);

/** The checkpoint file that was loaded; the model owns the text.  Not collective. */
SN_API const char *sn_model_path(const sn_model *model);

/** Loss and correct predictions over a split of the data set in the folder data_dir;
 *  NULL means the data set that the configuration of the checkpoint names.  The result
 *  does not depend on the number of ranks.  Collective; all arguments are the same on
 *  all ranks, whose statuses are the same too.  The model must have been loaded with
 *  the same comm.  Sets the number of threads of matrix products to this rank's share
 *  of its node's cores.  SN_EDATA where data and model do not fit, SN_ECONFIG for an
 *  empty split, SN_EUSAGE for too long a path, SN_ENOINPUT, SN_ENOMEM, SN_EMPI. */
SN_API sn_status sn_model_evaluate(sn_comm *comm, const sn_model *model,
                                   const char *data_dir, sn_split_name split,
                                   sn_evaluation *evaluation,
                                   sn_error *err) SN_MUST_CHECK;

/** predictions (count) of images (count, input), row-major bytes; the network's input
 *  is byte / 255.  Images must look like those of the training data (MNIST: ink bright
 *  on black, centred).  Not collective; one thread at a time per model.  SN_ENOMEM,
 *  SN_ERANGE, only by the first call. */
SN_API sn_status sn_model_predict(sn_model *model, const uint8_t *images, size_t count,
                                  sn_prediction *predictions,
                                  sn_error *err) SN_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
