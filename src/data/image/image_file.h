/* SPDX-License-Identifier: BSD-3-Clause */
/** The readers of the picture formats and their common functions (internal to data). */
#ifndef SHARDNET_DATA_IMAGE_IMAGE_FILE_H
#define SHARDNET_DATA_IMAGE_IMAGE_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "data/image/image.h"

/** An open file; its position is the start. */
typedef struct sn_image_file {
    const char *path;
    FILE *stream;
    uint64_t bytes; /* length of the file */
    bool is_stream; /* path is no path, only a name */
} sn_image_file;

/** Allocates one black picture of rows x cols in images.  Errors: SN_EDATA if the size
 *  exceeds the limits; SN_ENOMEM. */
sn_status sn_image_allocate(const sn_image_file *file, uint64_t rows, uint64_t cols,
                            sn_images *images, sn_error *err) SN_MUST_CHECK;

/** Returns SN_ENOINPUT with the message "cannot read (PATH)" and the text of errno. */
sn_status sn_image_read_error(const sn_image_file *file, sn_error *err);

/** Read the picture of file into images, which must be zero.  After an error the caller
 *  calls sn_image_clear.  Errors: SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_image_read_png(const sn_image_file *file, sn_images *images,
                            sn_error *err) SN_MUST_CHECK;
sn_status sn_image_read_pgm(const sn_image_file *file, sn_images *images,
                            sn_error *err) SN_MUST_CHECK;
sn_status sn_image_read_jpeg(const sn_image_file *file, sn_images *images,
                             sn_error *err) SN_MUST_CHECK;

#endif
