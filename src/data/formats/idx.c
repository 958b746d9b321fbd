/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/formats/idx.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/system/file.h"
#include "data/formats/gunzip.h"

enum { TYPE_UNSIGNED_BYTE = 0x08 };

static sn_status check_magic(const char *path, const uint8_t magic[4], int dimensions,
                             sn_error *err)
{
    if (magic[0] != 0 || magic[1] != 0) {
        return sn_fail(
            err, SN_EDATA,
            "not an IDX file (%s): it starts with bytes %02x %02x instead of "
            "00 00; check that it is the right file",
            path, magic[0], magic[1]);
    }
    if (magic[2] != TYPE_UNSIGNED_BYTE) {
        return sn_fail(
            err, SN_EDATA,
            "unsupported IDX file (%s): element type 0x%02x instead of 0x08; "
            "write it with unsigned bytes",
            path, magic[2]);
    }
    if (magic[3] != dimensions) {
        return sn_fail(err, SN_EDATA,
                       "wrong IDX file (%s): it has %d dimensions instead of %d; check "
                       "that images (3) and labels (1) are not swapped",
                       path, magic[3], dimensions);
    }
    return SN_OK;
}

static sn_status malformed(const char *path, const char *why, sn_error *err)
{
    return sn_fail(err, SN_EDATA, "malformed IDX file (%s): %s; get the file again",
                   path, why);
}

static sn_status parse_sizes(const char *path, const uint8_t *bytes,
                             sn_idx_header *header, sn_error *err)
{
    header->payload_bytes = 1;
    for (int i = 0; i < header->dimensions; i++) {
        const uint8_t *b = bytes + (ptrdiff_t)4 * i;
        header->size[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
                          (uint32_t)b[2] << 8 | (uint32_t)b[3];
        if (header->size[i] == 0) {
            return sn_fail(
                err, SN_EDATA,
                "malformed IDX file (%s): dimension %d is 0; get the file again", path,
                i + 1);
        }
        if (!sn_size_multiply(header->payload_bytes, header->size[i],
                              &header->payload_bytes)) {
            return malformed(
                path, "its header claims more elements than a file can hold", err);
        }
    }
    return SN_OK;
}

/* Checks that the file can contain the payload that its header claims. */
static sn_status check_claim(const sn_gunzip *from, size_t header_bytes,
                             uint64_t payload, sn_error *err)
{
    const unsigned long long claimed = payload, all = from->file_bytes,
                             follow = all - header_bytes;
    if (from->stream != NULL) {
        return payload / SN_DEFLATE_RATIO_MAX <= from->file_bytes
                   ? SN_OK
                   : sn_fail(
                         err, SN_EDATA,
                         "malformed IDX file (%s): its header claims %llu bytes, more "
                         "than a gzip file of %llu bytes can hold; get the file again",
                         from->path, claimed, all);
    }
    return follow == claimed
               ? SN_OK
               : sn_fail(err, SN_EDATA,
                         "malformed IDX file (%s): %llu bytes follow the header, which "
                         "claims %llu: %s; get the file again",
                         from->path, follow, claimed,
                         follow < claimed ? "it is cut off" : "it has trailing bytes");
}

static sn_status read_header(sn_gunzip *from, int dimensions, sn_idx_header *header,
                             sn_error *err)
{
    uint8_t bytes[SN_IDX_HEADER_BYTES_MAX];
    const size_t wanted = 4 + 4 * (size_t)dimensions;
    size_t got;
    sn_status status = sn_gunzip_read(from, bytes, wanted, &got, err);
    /* a short file of another type is reported as such, not as cut off */
    if (status == SN_OK && got >= 4) {
        status = check_magic(from->path, bytes, dimensions, err);
    }
    if (status == SN_OK && got < wanted) {
        status = malformed(from->path,
                           got == 0 ? "it is empty" : "its header is cut off", err);
    }
    *header = (sn_idx_header){.dimensions = dimensions};
    if (status == SN_OK) {
        status = parse_sizes(from->path, bytes + 4, header, err);
    }
    return status == SN_OK ? check_claim(from, wanted, header->payload_bytes, err)
                           : status;
}

sn_status sn_idx_read_header(const char *path, int dimensions, sn_idx_header *header,
                             sn_error *err)
{
    sn_gunzip from;
    sn_status status = sn_gunzip_open(&from, path, "an IDX file", err);
    if (status == SN_OK) {
        status = read_header(&from, dimensions, header, err);
        sn_gunzip_close(&from);
    }
    return status;
}

static sn_status read_payload(sn_gunzip *from, const sn_idx_header *header,
                              uint8_t *buffer, sn_error *err)
{
    sn_idx_header now;
    sn_status status = read_header(from, header->dimensions, &now, err);
    if (status != SN_OK) {
        return status;
    }
    if (memcmp(header->size, now.size, sizeof now.size) != 0) {
        return sn_fail(err, SN_EDATA,
                       "file changed during reading (%s): its header is different; run "
                       "again when no program writes to it",
                       from->path);
    }
    size_t got, more = 0;
    uint8_t extra;
    status = sn_gunzip_read(from, buffer, header->payload_bytes, &got, err);
    if (status == SN_OK && got == header->payload_bytes) {
        /* this read also makes a gzip reader verify the checksum */
        status = sn_gunzip_read(from, &extra, 1, &more, err);
    }
    if (status == SN_OK && (got < header->payload_bytes || more > 0)) {
        status = sn_fail(err, SN_EDATA,
                         "malformed IDX file (%s): %s than the %zu elements its header "
                         "claims; get the file again",
                         from->path, more > 0 ? "it holds more" : "it holds fewer",
                         header->payload_bytes);
    }
    return status;
}

sn_status sn_idx_read_payload(const char *path, const sn_idx_header *header,
                              uint8_t *buffer, sn_error *err)
{
    sn_gunzip from;
    sn_status status = sn_gunzip_open(&from, path, "an IDX file", err);
    if (status == SN_OK) {
        status = read_payload(&from, header, buffer, err);
        sn_gunzip_close(&from);
    }
    return status;
}

size_t sn_idx_format_header(int dimensions, const size_t *size,
                            uint8_t bytes[SN_IDX_HEADER_BYTES_MAX],
                            size_t *payload_bytes)
{
    const uint8_t magic[4] = {0, 0, TYPE_UNSIGNED_BYTE, (uint8_t)dimensions};
    if (dimensions < 1 || dimensions > SN_IDX_MAX_DIMENSIONS) {
        return 0;
    }
    memcpy(bytes, magic, sizeof magic);
    *payload_bytes = 1;
    for (int i = 0; i < dimensions; i++) {
        if (size[i] == 0 || size[i] > UINT32_MAX ||
            !sn_size_multiply(*payload_bytes, size[i], payload_bytes)) {
            return 0;
        }
        for (int k = 0; k < 4; k++) {
            bytes[4 + 4 * i + k] = (uint8_t)(size[i] >> (24 - 8 * k));
        }
    }
    return 4 + 4 * (size_t)dimensions;
}

sn_status sn_idx_write_unpublished(const char *path, int dimensions, const size_t *size,
                                   const uint8_t *elements, sn_error *err)
{
    uint8_t header[SN_IDX_HEADER_BYTES_MAX];
    size_t payload;
    const size_t before = sn_idx_format_header(dimensions, size, header, &payload);
    if (before == 0) {
        return sn_fail(
            err, SN_ERANGE,
            "cannot write (%s): IDX supports one to three dimensions of 1 to "
            "4294967295",
            path);
    }
    FILE *file;
    const sn_status status = sn_file_create(path, &file, err);
    if (status != SN_OK) {
        return status;
    }
    bool written = fwrite(header, 1, before, file) == before &&
                   fwrite(elements, 1, payload, file) == payload;
    int reason = errno;
    if (fclose(file) != 0 && written) {
        written = false;
        reason = errno;
    }
    return written ? SN_OK
                   : sn_fail(err, SN_EIO, "cannot write (%s): %s; free space", path,
                             strerror(reason));
}

sn_status sn_idx_write(const char *path, int dimensions, const size_t *size,
                       const uint8_t *elements, sn_error *err)
{
    char temporary[SN_PATH_BYTES];
    sn_status status = sn_path_temporary(temporary, path, err);
    if (status == SN_OK) {
        status = sn_idx_write_unpublished(temporary, dimensions, size, elements, err);
        status = sn_file_publish_or_remove(status, temporary, path, err);
    }
    return status;
}
