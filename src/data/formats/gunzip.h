/* SPDX-License-Identifier: BSD-3-Clause */
/** Reading of a file that is uncompressed where it is gzip (internal to data): by ISA-L
 *  where the build has it, two to three times as fast as zlib, which is used elsewhere.
 *  zlib's gzread would be shorter, but it drops bytes behind the gzip data without a
 *  word. */
#ifndef SHARDNET_DATA_FORMATS_GUNZIP_H
#define SHARDNET_DATA_FORMATS_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shardnet/status.h"

typedef struct sn_gunzip {
    const char *path;
    FILE *file;
    uint64_t file_bytes;
    void *stream; /* of the library; NULL for a plain file */
    bool ended;
    const unsigned char *at; /* bytes in input that are not yet uncompressed, */
    size_t left;             /* and their number */
    unsigned char input[32768];
} sn_gunzip;

/** Opens the file at path, which stays the caller's.  wanted completes the message
 *  "give ...".  SN_ENOINPUT, SN_ENOMEM. */
sn_status sn_gunzip_open(sn_gunzip *gunzip, const char *path, const char *wanted,
                         sn_error *err) SN_MUST_CHECK;
void sn_gunzip_close(sn_gunzip *gunzip);

/** Reads up to wanted bytes; *got is smaller only at the end of the contents.  Checks
 *  the checksum of each gzip member.  SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_gunzip_read(sn_gunzip *gunzip, uint8_t *buffer, size_t wanted, size_t *got,
                         sn_error *err) SN_MUST_CHECK;

#endif
