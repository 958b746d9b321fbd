/* SPDX-License-Identifier: BSD-3-Clause */
/** Preparation of a user's picture: it becomes an image like those of MNIST. */
#ifndef SHARDNET_DATA_IMAGE_PREPARE_H
#define SHARDNET_DATA_IMAGE_PREPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

/** Draws the ink of a picture into an image of the size that a model needs, with the
 *  method of MNIST (LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist/):
 *
 *  1.  The level of the background is the median of the outermost pixels.  Ink is
 *     darker than the background if the darkest pixel differs from it more than the
 *     brightest pixel does; otherwise ink is brighter.  A pixel is background if its
 *     difference is less than 1/16 of the strongest ink, or at most the noise: eight
 *     times the median deviation of the outermost pixels, but at most half of the
 *     strongest ink.
 *  2.  The bounding box of the ink is scaled to fit into 20/28 of the sides of the
 *     image; the aspect ratio is kept.  Areas are averaged if it becomes smaller;
 *     values are interpolated linearly if it becomes larger.  The strongest ink becomes
 *     255.  The box excludes specks at its ends: at most 1/100 of the ink, separated from the
 *     rest by an empty row or column.
 *  3.  The result is moved by whole pixels until its centre of mass is within half a
 *     pixel of pixel (out_rows / 2, out_cols / 2), with integer division, or as near as
 *     possible if it must stay inside the image.
 *
 *  Nearly all images of MNIST do not change, except for pixels below 16.
 *
 *  pixels (rows, cols) is grey; image (out_rows, out_cols) := bright ink on black; no
 *  aliasing; no size is 0.  *edge := true if at least 1/8 of the outermost pixels are
 *  ink: a frame, or a digit without a margin.  Error messages contain path.  Not
 *  collective.
 *  Errors: SN_EDATA if no pixel differs from the background by 32 levels; SN_ENOMEM. */
sn_status sn_prepare(const char *path, const uint8_t *pixels, size_t rows, size_t cols,
                     uint8_t *image, size_t out_rows, size_t out_cols, bool *edge,
                     sn_error *err) SN_MUST_CHECK;

#endif
