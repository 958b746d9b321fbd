/* SPDX-License-Identifier: BSD-3-Clause */
/** A user's picture made like the digits of MNIST. */
#ifndef SHARDNET_DATA_FORMATS_PREPARE_H
#define SHARDNET_DATA_FORMATS_PREPARE_H

#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

/** Draws the ink of a picture into an image of a model's size, the way MNIST was made
 *  (LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist/):
 *
 *  1. The background is the median of the outermost pixels.  Ink is what differs from
 *     it, darker or brighter, whichever reaches further; what differs by less than 1/16
 *     of the strongest ink, or than eight times the median deviation of the outermost
 *     pixels (but no more than half of the strongest ink), is background.
 *  2. The bounding box of the ink, without specks at its ends that hold up to 1/100 of
 *     it and are set apart by an empty row or column, is scaled, its aspect ratio kept,
 *     into a box of 20/28 of the image's sides: by averaging areas where it shrinks,
 *     linearly where it grows.  The strongest ink becomes 255.
 *  3. It is shifted by whole pixels so that its centre of mass is within half a pixel
 *     of pixel (out_rows / 2, out_cols / 2), divided as integers, or as near as keeps
 *     all of it inside.
 *
 *  Nearly all digits of MNIST stay what they are, but for pixels below 16.
 *  pixels (rows, cols) grey; image (out_rows, out_cols) is overwritten, ink bright on
 *  black; no aliasing; no size is 0.  path is for messages.  Not collective.
 *  SN_EDATA where nothing differs from the background by 32 levels; SN_ENOMEM. */
sn_status sn_prepare(const char *path, const uint8_t *pixels, size_t rows, size_t cols,
                     uint8_t *image, size_t out_rows, size_t out_cols,
                     sn_error *err) SN_MUST_CHECK;

#endif
