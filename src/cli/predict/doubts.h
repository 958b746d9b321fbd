/* SPDX-License-Identifier: BSD-3-Clause */
/** Reasons to doubt a prediction, about which `predict` warns (internal to cli). */
#ifndef SHARDNET_CLI_PREDICT_DOUBTS_H
#define SHARDNET_CLI_PREDICT_DOUBTS_H

#include "data/image/image.h"
#include "eval/model.h"

/** Bits of the doubts. */
enum { SN_DOUBT_TWO_SHAPES = 1, SN_DOUBT_FRAME = 2, SN_DOUBT_UNSURE = 4 };

/** Sets *doubts to known, the doubts that the preparation of the picture found, plus the
 *  doubts about image index of images and about its prediction.  Prints a warning to
 *  stderr for each doubt about a picture, but none for an IDX file, which may hold
 *  thousands of images.  Not collective.  Errors: SN_ENOMEM. */
sn_status sn_doubts_find(const char *path, const sn_images *images, size_t index,
                         const sn_prediction *found, int known, int *doubts,
                         sn_error *err) SN_MUST_CHECK;

/** Prints the names of the doubts to stdout as elements of a JSON array. */
void sn_doubts_print(int doubts);

#endif
