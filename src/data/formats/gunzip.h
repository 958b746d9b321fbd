/* SPDX-License-Identifier: BSD-3-Clause */
/** A reader of files that uncompresses gzip files (internal to data).  It uses ISA-L if
 *  the build found it, two to three times as fast as zlib, else zlib.  It does not use
 *  gzread of zlib, because that ignores bytes after the gzip data without an error. */
#ifndef SHARDNET_DATA_FORMATS_GUNZIP_H
#define SHARDNET_DATA_FORMATS_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shardnet/status.h"

/** Deflate makes data at most this factor smaller: two bits encode a match of 258
 *  bytes. */
enum { SN_DEFLATE_RATIO_MAX = 1032 };

typedef struct sn_gunzip {
    const char *path;
    FILE *file;
    uint64_t file_bytes;
    void *stream;              /* state of the library; NULL for a plain file */
    bool ended;                /* the last gzip member is read */
    const unsigned char *next; /* first byte of input that is not uncompressed yet */
    size_t left;               /* number of such bytes */
    unsigned char input[32768];
} sn_gunzip;

/** Returns the name of the library that uncompresses. */
const char *sn_gunzip_library(void);

/** Opens the file at path; the caller closes it.  The string path must outlive gunzip.
 *  wanted completes the error message "give ...".  Errors: SN_ENOINPUT, SN_ENOMEM. */
sn_status sn_gunzip_open(sn_gunzip *gunzip, const char *path, const char *wanted,
                         sn_error *err) SN_MUST_CHECK;
void sn_gunzip_close(sn_gunzip *gunzip);

/** Reads at most bytes of the uncompressed contents into buffer; *got < bytes only at
 *  their end.  Checks the checksum of each gzip member.
 *  Errors: SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_gunzip_read(sn_gunzip *gunzip, uint8_t *buffer, size_t bytes, size_t *got,
                         sn_error *err) SN_MUST_CHECK;

#endif
