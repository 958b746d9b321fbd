/* SPDX-License-Identifier: BSD-3-Clause */
/** The predictions of a model for the test set: the confusion matrix and the worst
 *  mistakes.  Not collective. */
#ifndef SHARDNET_EVAL_MISTAKES_H
#define SHARDNET_EVAL_MISTAKES_H

#include "eval/model.h"

enum { SN_MISTAKES_MAX = 40 };

/** A sample with a wrong prediction. */
typedef struct sn_mistake {
    size_t sample; /* its index in the test set, from 0 */
    size_t truth, predicted;
    double probability; /* the probability of the prediction */
} sn_mistake;

typedef struct sn_mistakes {
    size_t classes, rows, cols; /* rows and columns of an image */
    int64_t count, correct;     /* number of samples, and of correct predictions */
    int64_t *confusion;         /* (classes, classes): truth by row; owned */
    size_t listed;
    sn_mistake worst[SN_MISTAKES_MAX]; /* (listed), the most probable first */
    uint8_t *images;                   /* (listed, rows, cols): 0 is black; owned */
} sn_mistakes;

/** Predicts the whole test set.  The data set is that of sn_model_evaluate_moved, which
 *  also explains notice.  The caller clears *found, which is zero on failure.
 *  Errors: as sn_model_read_split and sn_model_predict. */
sn_status sn_mistakes_find(sn_model *model, const char *data_dir, sn_mistakes *found,
                           sn_error *notice, sn_error *err) SN_MUST_CHECK;

/** Frees the memory of found and sets it to zero. */
void sn_mistakes_clear(sn_mistakes *found);

#endif
