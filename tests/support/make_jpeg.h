/* SPDX-License-Identifier: BSD-3-Clause */
/** JPEG files for tests. */
#ifndef SHARDNET_TESTS_MAKE_JPEG_H
#define SHARDNET_TESTS_MAKE_JPEG_H

#include <stdint.h>

enum {
#ifdef SHARDNET_JPEG
    MAKE_JPEG_WORKS = 1
#else
    MAKE_JPEG_WORKS = 0 /* this build has no libjpeg-turbo */
#endif
};

typedef enum jpeg_scans {
    JPEG_BASELINE,
    JPEG_PROGRESSIVE,
    JPEG_SCAN_PER_COEFFICIENT /* 127 scans; one channel only */
} jpeg_scans;

/** A picture of quality 100 without subsampling. */
typedef struct jpeg_spec {
    unsigned width, height;
    int channels; /* 1 grey, 3 RGB, 4 CMYK */
    jpeg_scans scans;
    int orientation;       /* in an Exif record; 0: no record */
    int little;            /* the record is little-endian */
    const uint8_t *values; /* (height, width, channels) */
} jpeg_spec;

/** Writes the file; ends the process on an error. */
void make_jpeg(const char *path, const jpeg_spec *spec);

#endif
