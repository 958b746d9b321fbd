/* SPDX-License-Identifier: BSD-3-Clause */
/** Pictures of a user: PNG, PGM (P2 and P5), and IDX files of images, plain or gzip.
 *  The kind is told from the first bytes, not from the name. */
#ifndef SHARDNET_DATA_FORMATS_IMAGE_H
#define SHARDNET_DATA_FORMATS_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

enum {
    SN_IMAGE_SIDE_MAX = 65535,    /* of a PNG or PGM, rows and columns */
    SN_IMAGE_PIXELS_MAX = 1 << 26 /* of a PNG or PGM */
};

typedef enum sn_image_kind { SN_IMAGE_PNG, SN_IMAGE_PGM, SN_IMAGE_IDX } sn_image_kind;

/** The images of one file.  Start with zeroes. */
typedef struct sn_images {
    sn_image_kind kind;
    size_t count; /* 1 for PNG and PGM */
    size_t rows, cols;
    uint8_t *pixels; /* (count, rows, cols) grey, 0 black, 255 white; owned */
} sn_images;

/** Reads all images of path as 8-bit grey.  PNG of every colour type, depth and
 *  interlacing: grey is 0.299 R + 0.587 G + 0.114 B of the values in the file (gamma
 * and colour profiles are not applied), transparent parts show white.  PGM values are
 *  scaled by 255 / maxval.  IDX bytes are taken as they are.
 *  Sizes are checked against the limits above, and against what a file of that length
 *  can hold, before anything is allocated; bytes behind a PGM's pixels are an error.
 *  Not collective.  SN_ENOINPUT not found, unreadable or no regular file; SN_EDATA
 *  malformed or of another kind; SN_ENOMEM.  *images holds nothing on failure. */
sn_status sn_image_read(const char *path, sn_images *images,
                        sn_error *err) SN_MUST_CHECK;

/** Frees what images holds and leaves it zero. */
void sn_image_clear(sn_images *images);

#endif
