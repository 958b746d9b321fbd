/* SPDX-License-Identifier: BSD-3-Clause */
/** Readers of one kind of picture each, and what they share. */
#ifndef SHARDNET_DATA_FORMATS_IMAGE_FILE_H
#define SHARDNET_DATA_FORMATS_IMAGE_FILE_H

#include <stdio.h>

#include "data/formats/image.h"

/** An open file, read from its start. */
typedef struct sn_image_file {
    const char *path;
    FILE *stream;
    uint64_t bytes; /* length of the file */
} sn_image_file;

/** Makes images one picture of rows x cols, black.  SN_EDATA for a size out of the
 *  limits, SN_ENOMEM. */
sn_status sn_image_make(const sn_image_file *file, uint64_t rows, uint64_t cols,
                        sn_images *images, sn_error *err) SN_MUST_CHECK;

/** "cannot read (PATH)" with the reason in errno: SN_ENOINPUT. */
sn_status sn_image_read_error(const sn_image_file *file, sn_error *err);

/** Fill images, zero before, from the file.  On failure the caller clears images.
 *  SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_image_read_png(const sn_image_file *file, sn_images *images,
                            sn_error *err) SN_MUST_CHECK;
sn_status sn_image_read_pgm(const sn_image_file *file, sn_images *images,
                            sn_error *err) SN_MUST_CHECK;

#endif
