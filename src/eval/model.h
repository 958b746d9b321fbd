/* SPDX-License-Identifier: BSD-3-Clause */
/** A model: a network with its parameters and the description in its checkpoint. */
#ifndef SHARDNET_EVAL_MODEL_H
#define SHARDNET_EVAL_MODEL_H

#include "data/dataset.h"
#include "eval/predict.h"
#include "eval/target.h"
#include "shardnet/model.h"
#include "store/checkpoint/checkpoint.h"

struct sn_model {
    sn_target_found found;   /* the checkpoint; other ranks know its path only */
    sn_checkpoint_info info; /* zeros on ranks that did not read the file */
    sn_dataset_spec spec;    /* the data set that the configuration names */
    sn_image_size size; /* size of the training images, see sn_dataset_image_size */
    sn_error notice;    /* a warning on the rank that read the file, or "" */
    sn_network network;
    float *parameters;      /* (network.arena) */
    sn_predictor predictor; /* zeros before the first prediction */
    sn_model *next;         /* the next member of the committee, owned; or NULL */
};

/** Loads a model as sn_model_load does.  choice: see sn_target_result.  Collective over
 *  comm unless it is NULL.  Errors: SN_EUSAGE, or as sn_model_load. */
sn_status sn_model_load_choice(sn_comm *comm, const char *path, const char *choice,
                               sn_model **model, sn_error *err) SN_MUST_CHECK;

/** Finds the image size of one member of a committee, if its data set is idx.  Searches
 *  data_dir or, if that is NULL, spec.dir and then SHARDNET_DATA (sn_moved_find, which
 *  writes notice).  Sets model->size and spec.dir; both stay unchanged if no data
 *  are found.  Not collective.  Errors: SN_EUSAGE if data_dir is too long. */
sn_status sn_model_find_size(sn_model *model, const char *data_dir, sn_error *notice,
                             sn_error *err) SN_MUST_CHECK;

/** Returns the number of members of a committee. */
size_t sn_model_members(const sn_model *committee);

/** Evaluates a committee as sn_model_evaluate evaluates a model.  evaluation: see
 *  sn_evaluate_committee.  If the data have moved, notice of rank 0 names their folder,
 *  see sn_moved_find.  confusion (classes, classes) may be NULL,
 *  see sn_evaluate.  Collective.  Errors: as sn_model_evaluate. */
sn_status sn_model_evaluate_moved(sn_comm *comm, const sn_model *model,
                                  const char *data_dir, sn_split_name split,
                                  sn_evaluation *evaluation, int64_t *confusion,
                                  sn_error *notice, sn_error *err) SN_MUST_CHECK;

/** Reads the data set that sn_model_evaluate_moved evaluates, in this process only, and
 *  sets model->size.  *split is the split name of *data, which points into *storage; the
 *  caller frees *storage, also on failure.  Not collective.  Errors: as
 *  sn_model_evaluate. */
sn_status sn_model_read_split(sn_model *model, const char *data_dir, sn_split_name name,
                              uint8_t **storage, sn_dataset *data,
                              const sn_split **split, sn_error *notice,
                              sn_error *err) SN_MUST_CHECK;

/** Predicts as sn_model_predict does, with the mean of the probabilities of a committee;
 *  probabilities (count, classes) may be NULL, see sn_predict.  Errors: as
 *  sn_model_predict. */
sn_status sn_model_predict_all(sn_model *model, const uint8_t *images, size_t count,
                               sn_prediction *predictions, float *probabilities,
                               sn_error *err) SN_MUST_CHECK;

#endif
