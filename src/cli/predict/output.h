/* SPDX-License-Identifier: BSD-3-Clause */
/** The lines and JSON objects that `predict` prints to stdout (internal to cli). */
#ifndef SHARDNET_CLI_PREDICT_OUTPUT_H
#define SHARDNET_CLI_PREDICT_OUTPUT_H

#include <stdbool.h>

#include "eval/model.h"

typedef struct sn_output {
    bool json;
    size_t classes;
    const float *probabilities; /* (images of a block, classes); NULL if not wanted */
} sn_output;

/** Prints the names of the columns. */
void sn_output_header(const sn_output *output);

/** Prints the prediction for an image.  index is its number in the file at path, image
 *  its row in output->probabilities; doubts are bits of cli/predict/doubts.h. */
void sn_output_print(const sn_output *output, const char *path, size_t index,
                     size_t image, const sn_prediction *found, int doubts);

#endif
