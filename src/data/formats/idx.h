/* SPDX-License-Identifier: BSD-3-Clause */
/** IDX files (the format of MNIST), plain or gzip: the magic bytes 0x00 0x00 TYPE
 *  DIMENSIONS, one big-endian uint32 per dimension, then the elements.  Only TYPE 0x08
 *  (unsigned byte) is supported.  None of these functions is collective. */
#ifndef SHARDNET_DATA_FORMATS_IDX_H
#define SHARDNET_DATA_FORMATS_IDX_H

#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

enum { SN_IDX_MAX_DIMENSIONS = 3, SN_IDX_HEADER_BYTES_MAX = 16 };

typedef struct sn_idx_header {
    int dimensions;
    size_t size[SN_IDX_MAX_DIMENSIONS]; /* number of samples, then rows and columns */
    size_t payload_bytes;               /* product of size */
} sn_idx_header;

/** Reads and checks the header of the file at path.  dimensions must be 1 (labels) or 3
 *  (images).  A plain file must have exactly the size that its header claims.  A gzip
 *  file must not claim more than 1032 times its size, the limit of the compression, so
 *  that the caller does not allocate memory that the file cannot fill.
 *  Errors: SN_ENOINPUT if the file is missing or unreadable; SN_EDATA if it is
 *  malformed. */
sn_status sn_idx_read_header(const char *path, int dimensions, sn_idx_header *header,
                             sn_error *err) SN_MUST_CHECK;

/** Reads the elements into buffer (header->payload_bytes).  header is the expected
 *  header; a different one is an error, as are a wrong gzip checksum and further bytes.
 *  Errors: SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_idx_read_payload(const char *path, const sn_idx_header *header,
                              uint8_t *buffer, sn_error *err) SN_MUST_CHECK;

/** bytes := the header of a file with size (dimensions); *payload_bytes := the product
 *  of size.  Returns the length of the header, or 0 if the format does not support
 *  these dimensions and sizes. */
size_t sn_idx_format_header(int dimensions, const size_t *size,
                            uint8_t bytes[SN_IDX_HEADER_BYTES_MAX],
                            size_t *payload_bytes) SN_MUST_CHECK;

/** Writes a plain IDX file with size (dimensions) and elements (product of size) to
 *  path.tmp, and publishes it as path.
 *  Errors: SN_ECREATE, SN_EIO; SN_ERANGE if the format does not support these sizes. */
sn_status sn_idx_write(const char *path, int dimensions, const size_t *size,
                       const uint8_t *elements, sn_error *err) SN_MUST_CHECK;

/** Writes the file to path itself; the caller publishes or removes it.  Errors: as
 *  sn_idx_write. */
sn_status sn_idx_write_unpublished(const char *path, int dimensions, const size_t *size,
                                   const uint8_t *elements,
                                   sn_error *err) SN_MUST_CHECK;

#endif
