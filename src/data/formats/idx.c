#include "data/formats/idx.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/formats/gunzip.h"

enum {
    TYPE_UNSIGNED_BYTE = 0x08,
    HEADER_BYTES_MAX = 4 + 4 * SN_IDX_MAX_DIMENSIONS,
    INPUT_BYTES = 32768,
    OUTPUT_BYTES = 1 << 30, /* at once */
    /* deflate's best case: a match of 258 bytes coded in two bits */
    DEFLATE_RATIO_MAX = 1032
};

/* A file, uncompressed when it starts like gzip, else as it is.  zlib's gzread would be
 * shorter, but it drops bytes behind the gzip data without a word. */
typedef struct source {
    const char *path;
    FILE *file;
    uint64_t file_bytes;
    sn_gunzip *gunzip; /* NULL for a plain file */
    bool ended;
    const unsigned char *at; /* what has been read and not yet uncompressed, */
    size_t left;             /* so many bytes in input */
    unsigned char input[INPUT_BYTES];
} source;

static void source_close(source *src)
{
    sn_gunzip_destroy(&src->gunzip);
    if (src->file != NULL) {
        fclose(src->file);
    }
}

static sn_status source_open(source *src, const char *path, sn_error *err)
{
    src->path = path;
    src->file = NULL;
    src->gunzip = NULL;
    src->ended = false;
    src->left = 0;
    struct stat info;
    if (stat(path, &info) != 0) {
        return sn_fail(err, SN_ENOINPUT, "cannot open (%s): %s; check the path", path,
                       strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return sn_fail(err, SN_ENOINPUT, "cannot read (%s): %s; give an IDX file", path,
                       S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a file");
    }
    src->file_bytes = (uint64_t)info.st_size;
    src->file = fopen(path, "rb");
    if (src->file == NULL) {
        return sn_fail(err, SN_ENOINPUT, "cannot open (%s): %s; check its permissions",
                       path, strerror(errno));
    }
    unsigned char magic[2] = {0, 0};
    size_t got = fread(magic, 1, sizeof magic, src->file);
    rewind(src->file);
    if (got < sizeof magic || magic[0] != 0x1f || magic[1] != 0x8b) {
        return SN_OK;
    }
    src->gunzip = sn_gunzip_create();
    if (src->gunzip == NULL) {
        source_close(src);
        return sn_fail(err, SN_ENOMEM, "cannot uncompress (%s): out of memory", path);
    }
    return SN_OK;
}

static sn_status read_error(const source *src, sn_error *err)
{
    return sn_fail(err, SN_ENOINPUT, "cannot read (%s): %s; check the disk", src->path,
                   strerror(errno));
}

/* Keeps compressed bytes at hand; none are left at the end of the file. */
static sn_status refill(source *src, sn_error *err)
{
    if (src->left == 0) {
        src->left = fread(src->input, 1, sizeof src->input, src->file);
        if (src->left == 0 && ferror(src->file)) {
            return read_error(src, err);
        }
        src->at = src->input;
    }
    return SN_OK;
}

/* At the end of a gzip member: nothing, or another member, may follow. */
static sn_status next_member(source *src, sn_error *err)
{
    sn_status status = refill(src, err);
    if (status != SN_OK) {
        return status;
    }
    if (src->left == 0) {
        src->ended = true;
        return SN_OK;
    }
    if (src->at[0] != 0x1f) {
        return sn_fail(
            err, SN_EDATA,
            "malformed gzip file (%s): bytes follow the compressed data; get "
            "the file again",
            src->path);
    }
    sn_gunzip_next(src->gunzip);
    return SN_OK;
}

static sn_status after_piece(source *src, sn_gunzip_state state, sn_error *err)
{
    switch (state) {
    case SN_GUNZIP_GOING_ON:
        return SN_OK;
    case SN_GUNZIP_END:
        return next_member(src, err);
    case SN_GUNZIP_NO_MEMORY:
        return sn_fail(err, SN_ENOMEM, "cannot uncompress (%s): out of memory",
                       src->path);
    case SN_GUNZIP_DAMAGED:
    case SN_GUNZIP_CHECKSUM:
        break;
    }
    return sn_fail(err, SN_EDATA, "malformed gzip file (%s): %s; get the file again",
                   src->path,
                   state == SN_GUNZIP_CHECKSUM
                       ? "the gzip checksum does not match, the file is damaged"
                       : "its compressed data is damaged");
}

static sn_status read_gzip(source *src, uint8_t *buffer, size_t wanted, size_t *got,
                           sn_error *err)
{
    *got = 0;
    while (*got < wanted && !src->ended) {
        sn_status status = refill(src, err);
        if (status != SN_OK) {
            return status;
        }
        if (src->left == 0) {
            return sn_fail(
                err, SN_EDATA,
                "malformed gzip file (%s): it is cut off; get the file again",
                src->path);
        }
        size_t room = wanted - *got, more;
        const sn_gunzip_state state =
            sn_gunzip_run(src->gunzip, &src->at, &src->left, buffer + *got,
                          room < OUTPUT_BYTES ? room : OUTPUT_BYTES, &more);
        *got += more;
        status = after_piece(src, state, err);
        if (status != SN_OK) {
            return status;
        }
    }
    return SN_OK;
}

/* Reads up to wanted bytes; *got is smaller only at the end of the contents. */
static sn_status source_read(source *src, uint8_t *buffer, size_t wanted, size_t *got,
                             sn_error *err)
{
    if (src->gunzip != NULL) {
        return read_gzip(src, buffer, wanted, got, err);
    }
    *got = fread(buffer, 1, wanted, src->file);
    return *got < wanted && ferror(src->file) ? read_error(src, err) : SN_OK;
}

static sn_status check_magic(const source *src, const uint8_t magic[4],
                             int wanted_dimensions, sn_error *err)
{
    if (magic[0] != 0 || magic[1] != 0) {
        return sn_fail(
            err, SN_EDATA,
            "not an IDX file (%s): it starts with bytes %02x %02x instead of "
            "00 00; check that it is the right file",
            src->path, magic[0], magic[1]);
    }
    if (magic[2] != TYPE_UNSIGNED_BYTE) {
        return sn_fail(
            err, SN_EDATA,
            "unsupported IDX file (%s): element type 0x%02x instead of 0x08; "
            "write it with unsigned bytes",
            src->path, magic[2]);
    }
    if (magic[3] != wanted_dimensions) {
        return sn_fail(err, SN_EDATA,
                       "wrong IDX file (%s): it has %d dimensions instead of %d; check "
                       "that images (3) and labels (1) are not swapped",
                       src->path, magic[3], wanted_dimensions);
    }
    return SN_OK;
}

static size_t header_bytes(int dimensions)
{
    return 4 + 4 * (size_t)dimensions;
}

static sn_status parse_sizes(const source *src, const uint8_t *bytes,
                             sn_idx_header *header, sn_error *err)
{
    header->payload_bytes = 1;
    for (int i = 0; i < header->dimensions; i++) {
        const uint8_t *b = bytes + 4 * i;
        uint32_t size = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
                        (uint32_t)b[2] << 8 | (uint32_t)b[3];
        if (size == 0) {
            return sn_fail(err, SN_EDATA,
                           "malformed IDX file (%s): dimension %d is 0; get the file "
                           "again",
                           src->path, i + 1);
        }
        header->size[i] = size;
        if (!sn_size_multiply(header->payload_bytes, size, &header->payload_bytes)) {
            return sn_fail(err, SN_EDATA,
                           "malformed IDX file (%s): its header claims more elements "
                           "than a file can hold; get the file again",
                           src->path);
        }
    }
    return SN_OK;
}

/* Can the file hold what its header claims? */
static sn_status check_claim(const source *src, const sn_idx_header *header,
                             sn_error *err)
{
    uint64_t payload = header->payload_bytes;
    uint64_t before = header_bytes(header->dimensions);
    if (src->gunzip != NULL) {
        if (payload / DEFLATE_RATIO_MAX > src->file_bytes) {
            return sn_fail(
                err, SN_EDATA,
                "malformed IDX file (%s): its header claims %llu bytes, more "
                "than a gzip file of %llu bytes can hold; get the file again",
                src->path, (unsigned long long)payload,
                (unsigned long long)src->file_bytes);
        }
    } else if (src->file_bytes - before != payload) {
        return sn_fail(err, SN_EDATA,
                       "malformed IDX file (%s): %llu bytes follow the header, which "
                       "claims %llu: %s; get the file again",
                       src->path, (unsigned long long)(src->file_bytes - before),
                       (unsigned long long)payload,
                       src->file_bytes - before < payload ? "it is cut off"
                                                          : "it has trailing bytes");
    }
    return SN_OK;
}

static sn_status read_header(source *src, int wanted_dimensions, sn_idx_header *header,
                             sn_error *err)
{
    uint8_t bytes[HEADER_BYTES_MAX] = {0};
    size_t wanted = header_bytes(wanted_dimensions), got;
    sn_status status = source_read(src, bytes, wanted, &got, err);
    if (status != SN_OK) {
        return status;
    }
    /* a short file of the wrong kind is better called that than cut off */
    if (got >= 4) {
        status = check_magic(src, bytes, wanted_dimensions, err);
    }
    if (status == SN_OK && got < wanted) {
        status =
            sn_fail(err, SN_EDATA, "malformed IDX file (%s): %s; get the file again",
                    src->path, got == 0 ? "it is empty" : "its header is cut off");
    }
    if (status != SN_OK) {
        return status;
    }
    memset(header, 0, sizeof *header);
    header->dimensions = wanted_dimensions;
    status = parse_sizes(src, bytes + 4, header, err);
    return status == SN_OK ? check_claim(src, header, err) : status;
}

sn_status sn_idx_read_header(const char *path, int wanted_dimensions,
                             sn_idx_header *header, sn_error *err)
{
    if (wanted_dimensions < 1 || wanted_dimensions > SN_IDX_MAX_DIMENSIONS) {
        return sn_fail(err, SN_EINTERNAL, "IDX (%s): %d dimensions asked for", path,
                       wanted_dimensions);
    }
    source src;
    sn_status status = source_open(&src, path, err);
    if (status != SN_OK) {
        return status;
    }
    status = read_header(&src, wanted_dimensions, header, err);
    source_close(&src);
    return status;
}

static bool same_header(const sn_idx_header *a, const sn_idx_header *b)
{
    return a->dimensions == b->dimensions && a->payload_bytes == b->payload_bytes &&
           memcmp(a->size, b->size, sizeof a->size) == 0;
}

static sn_status read_payload(source *src, const sn_idx_header *header, uint8_t *buffer,
                              sn_error *err)
{
    sn_idx_header now;
    sn_status status = read_header(src, header->dimensions, &now, err);
    if (status != SN_OK) {
        return status;
    }
    if (!same_header(header, &now)) {
        return sn_fail(err, SN_EDATA,
                       "changed while it was read (%s): the header is another one; run "
                       "again when nothing writes to the file",
                       src->path);
    }
    size_t got, more = 0;
    uint8_t extra;
    status = source_read(src, buffer, header->payload_bytes, &got, err);
    if (status == SN_OK && got == header->payload_bytes) {
        /* for gzip this also runs into the checksum */
        status = source_read(src, &extra, 1, &more, err);
    }
    if (status == SN_OK && (got < header->payload_bytes || more > 0)) {
        status = sn_fail(err, SN_EDATA,
                         "malformed IDX file (%s): %s than the %zu elements its header "
                         "claims; get the file again",
                         src->path, more > 0 ? "it holds more" : "it holds fewer",
                         header->payload_bytes);
    }
    return status;
}

sn_status sn_idx_read_payload(const char *path, const sn_idx_header *header,
                              uint8_t *buffer, sn_error *err)
{
    source src;
    sn_status status = source_open(&src, path, err);
    if (status != SN_OK) {
        return status;
    }
    status = read_payload(&src, header, buffer, err);
    source_close(&src);
    return status;
}

/* The header's bytes; 0 when the sizes cannot be written or their product overflows. */
static size_t format_header(int dimensions, const size_t *size,
                            uint8_t bytes[HEADER_BYTES_MAX], size_t *payload_bytes)
{
    if (dimensions < 1 || dimensions > SN_IDX_MAX_DIMENSIONS) {
        return 0;
    }
    bytes[0] = bytes[1] = 0;
    bytes[2] = TYPE_UNSIGNED_BYTE;
    bytes[3] = (uint8_t)dimensions;
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
    return header_bytes(dimensions);
}

sn_status sn_idx_write(const char *path, int dimensions, const size_t *size,
                       const uint8_t *elements, sn_error *err)
{
    uint8_t header[HEADER_BYTES_MAX];
    size_t payload;
    size_t before = format_header(dimensions, size, header, &payload);
    if (before == 0) {
        return sn_fail(err, SN_ERANGE,
                       "cannot write (%s): IDX holds one to three dimensions of 1 to "
                       "4294967295",
                       path);
    }
    char temporary[SN_PATH_BYTES];
    if (sn_path_temporary(temporary, path, err) != SN_OK) {
        return SN_ERANGE;
    }
    FILE *file = fopen(temporary, "wb");
    if (file == NULL) {
        return sn_fail(err, SN_ECREATE,
                       "cannot create (%s): %s; choose a folder you may write to",
                       temporary, strerror(errno));
    }
    bool written = fwrite(header, 1, before, file) == before &&
                   fwrite(elements, 1, payload, file) == payload;
    int reason = errno;
    if (fclose(file) != 0 && written) {
        written = false;
        reason = errno;
    }
    sn_status status = written
                           ? sn_file_publish(temporary, path, err)
                           : sn_fail(err, SN_EIO, "cannot write (%s): %s; free space",
                                     path, strerror(reason));
    if (status != SN_OK) {
        unlink(temporary);
    }
    return status;
}
