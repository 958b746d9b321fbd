/* SPDX-License-Identifier: BSD-3-Clause */
/** A reader of pictures: PNG, JPEG, PGM (P2 and P5), and IDX files of images, plain or
 *  gzip.  The first bytes of a file, not its name, determine the format. */
#ifndef SHARDNET_DATA_IMAGE_IMAGE_H
#define SHARDNET_DATA_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shardnet/status.h"

enum {
    /* These two limits do not apply to IDX files. */
    SN_IMAGE_SIDE_MAX = 65535,     /* largest number of rows or columns */
    SN_IMAGE_PIXELS_MAX = 1 << 26, /* largest number of pixels */
    SN_IMAGE_STREAM_MAX = 1 << 28  /* largest number of bytes of a stream */
};

typedef enum sn_image_kind {
    SN_IMAGE_PNG,
    SN_IMAGE_JPEG,
    SN_IMAGE_PGM,
    SN_IMAGE_IDX
} sn_image_kind;

/** The images of one file. */
typedef struct sn_images {
    sn_image_kind kind;
    size_t count; /* 1 except for IDX */
    size_t rows, cols;
    uint8_t *pixels; /* (count, rows, cols): 0 is black, 255 is white; owned */
} sn_images;

/** Reads all images of the file at path as 8-bit grey; the caller calls sn_image_clear.
 *  PNG: every colour type, depth and interlacing is supported; grey is 0.299 R + 0.587
 *  G + 0.114 B of the values in the file, without gamma or colour profile, on a white
 *  background, or on a black one if the ink is bright: no pixel is darker than 128 on
 *  white.  JPEG: grey and RGB, baseline and progressive; the same grey, turned as the
 *  orientation in its Exif record says.  PGM: values are scaled by 255 / maxval.  IDX:
 *  bytes are not changed.
 *  Before it allocates memory, the function checks the size against the limits above
 *  and against the length of the file.  Bytes after the pixels of a PGM are an error.
 *  Not collective.
 *  Errors: SN_ENOINPUT if the file is missing, unreadable or not a regular file, or
 *  if it is a JPEG and this build has no libjpeg-turbo;
 *  SN_EDATA if it is malformed or has another format; SN_ENOMEM; *images is zero. */
sn_status sn_image_read(const char *path, sn_images *images,
                        sn_error *err) SN_MUST_CHECK;

/** Reads one PNG, JPEG or PGM from stream up to its end, at most SN_IMAGE_STREAM_MAX
 *  bytes; messages contain name.  The caller calls sn_image_clear.  Not collective.
 *  Errors: as sn_image_read; SN_EDATA also if the stream is longer. */
sn_status sn_image_read_stream(FILE *stream, const char *name, sn_images *images,
                               sn_error *err) SN_MUST_CHECK;

/** Frees the memory of images and sets it to zero. */
void sn_image_clear(sn_images *images);

#endif
