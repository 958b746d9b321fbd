/* SPDX-License-Identifier: BSD-3-Clause */
/** IDX files (the MNIST format), plain or gzip: a big-endian header of magic
 *  0x00 0x00 TYPE DIMENSIONS, one uint32 per dimension, then the elements.  Only
 *  TYPE 0x08 (unsigned byte) is accepted. */
#ifndef SHARDNET_DATA_FORMATS_IDX_H
#define SHARDNET_DATA_FORMATS_IDX_H

#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

enum { SN_IDX_MAX_DIMENSIONS = 3, SN_IDX_HEADER_BYTES_MAX = 16 };

typedef struct sn_idx_header {
    int dimensions;
    size_t size[SN_IDX_MAX_DIMENSIONS]; /* samples first */
    size_t payload_bytes;               /* product of size */
} sn_idx_header;

/** Reads and checks the header of path.  wanted_dimensions 1 (labels) or 3 (images).
 *  For a plain file the byte count must match exactly; for gzip the header may claim
 *  no more than the compressed size can hold (1032 : 1), so that nothing is allocated
 *  that the file cannot fill.  Not collective.
 *  SN_ENOINPUT not found or unreadable; SN_EDATA malformed. */
sn_status sn_idx_read_header(const char *path, int wanted_dimensions,
                             sn_idx_header *header, sn_error *err) SN_MUST_CHECK;

/** Reads the elements into buffer, which holds header->payload_bytes; header is what
 *  sn_idx_read_header gave for the same path.  Checks the gzip checksum and that
 *  nothing follows.  SN_ENOINPUT, SN_EDATA. */
sn_status sn_idx_read_payload(const char *path, const sn_idx_header *header,
                              uint8_t *buffer, sn_error *err) SN_MUST_CHECK;

/** Makes the header of a file: its length, and in payload_bytes the product of size.
 *  Returns 0 for dimensions and sizes that the format cannot hold. */
size_t sn_idx_format_header(int dimensions, const size_t *size,
                            uint8_t bytes[SN_IDX_HEADER_BYTES_MAX],
                            size_t *payload_bytes) SN_MUST_CHECK;

/** Writes a plain IDX file by way of path.tmp and rename.  elements holds the product
 *  of size bytes.  SN_ECREATE, SN_EIO; SN_ERANGE for sizes the format cannot hold. */
sn_status sn_idx_write(const char *path, int dimensions, const size_t *size,
                       const uint8_t *elements, sn_error *err) SN_MUST_CHECK;

#endif
