/* SPDX-License-Identifier: BSD-3-Clause */
/** The pictures and IDX files that `predict` reads, in the size that the model needs
 *  (internal to cli). */
#ifndef SHARDNET_CLI_PREDICT_INPUTS_H
#define SHARDNET_CLI_PREDICT_INPUTS_H

#include <stdbool.h>

#include "data/dataset.h"
#include "data/image/image.h"
#include "eval/model.h"

typedef struct sn_inputs {
    const sn_model *model; /* borrowed */
    sn_image_size size;    /* size of the model's images */
    bool as_is;            /* pictures have this size already */
    bool warned;           /* the warning about an assumed size is printed */
} sn_inputs;

/** Finds the image size of each member of the committee model (sn_model_find_size).  The
 *  inputs have the size of the first member.  Errors: SN_EUSAGE. */
sn_status sn_inputs_init(sn_inputs *inputs, sn_model *model, const char *data_dir,
                         bool as_is, sn_error *err) SN_MUST_CHECK;

/** Reads the images of the file at path, or a picture from standard input if path is -,
 *  and prepares a picture.  The caller calls sn_image_clear, also on failure.  *edge is
 *  true if ink lies along the edges of a picture.
 *  Errors: SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_inputs_read(sn_inputs *inputs, const char *path, sn_images *images,
                         bool *edge, sn_error *err) SN_MUST_CHECK;

#endif
