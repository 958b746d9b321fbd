/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/formats/gunzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/system/file.h"

/* stream_run uncompresses bytes of input (*left) to output (room).  It advances *input
 * and *left by the bytes that it read; *got := the number of bytes that it wrote. */
typedef enum state { CONTINUES, MEMBER_ENDS, DAMAGED, WRONG_CHECKSUM, NO_MEMORY } state;

#ifdef SHARDNET_ISAL

#include <isa-l/igzip_lib.h>

static const char library[] = "ISA-L";

static void *stream_create(void)
{
    struct inflate_state *stream = malloc(sizeof *stream);
    if (stream != NULL) {
        isal_inflate_init(stream);
        stream->crc_flag = ISAL_GZIP; /* gzip header and checksum */
    }
    return stream;
}

static void stream_destroy(void *stream)
{
    free(stream);
}

static void stream_restart(void *stream)
{
    isal_inflate_reset(stream);
    ((struct inflate_state *)stream)->crc_flag = ISAL_GZIP;
}

static state stream_run(struct inflate_state *stream, const unsigned char **input,
                        size_t *left, unsigned char *output, size_t room, size_t *got)
{
    stream->next_in = (unsigned char *)*input; /* ISA-L does not write to it */
    stream->avail_in = (uint32_t)*left;
    stream->next_out = output;
    stream->avail_out = (uint32_t)room;
    const int code = isal_inflate(stream);
    *input = stream->next_in;
    *left = stream->avail_in;
    *got = room - stream->avail_out;
    return code == ISAL_INCORRECT_CHECKSUM            ? WRONG_CHECKSUM
           : code != ISAL_DECOMP_OK                   ? DAMAGED
           : stream->block_state == ISAL_BLOCK_FINISH ? MEMBER_ENDS
                                                      : CONTINUES;
}

#else

#define ZLIB_CONST /* declares the input as const */
#include <zlib.h>

static const char library[] = "zlib";

static void *stream_create(void)
{
    z_stream *stream = calloc(1, sizeof *stream);
    /* 16 + window bits: gzip header and checksum instead of those of zlib */
    if (stream != NULL && inflateInit2(stream, 15 + 16) != Z_OK) {
        free(stream);
        stream = NULL;
    }
    return stream;
}

static void stream_destroy(void *stream)
{
    if (stream != NULL) {
        inflateEnd(stream);
        free(stream);
    }
}

static void stream_restart(void *stream)
{
    /* it fails only for a stream without inflateInit2 */
    (void)inflateReset(stream);
}

static state stream_run(z_stream *stream, const unsigned char **input, size_t *left,
                        unsigned char *output, size_t room, size_t *got)
{
    stream->next_in = *input;
    stream->avail_in = (uInt)*left;
    stream->next_out = output;
    stream->avail_out = (uInt)room;
    const int code = inflate(stream, Z_NO_FLUSH);
    *input = stream->next_in;
    *left = stream->avail_in;
    *got = room - stream->avail_out;
    if (code == Z_OK || code == Z_BUF_ERROR || code == Z_STREAM_END) {
        return code == Z_STREAM_END ? MEMBER_ENDS : CONTINUES;
    }
    const char *reason = stream->msg != NULL ? stream->msg : "";
    return code == Z_MEM_ERROR ? NO_MEMORY
           : strcmp(reason, "incorrect data check") == 0 ||
                   strcmp(reason, "incorrect length check") == 0
               ? WRONG_CHECKSUM
               : DAMAGED;
}

#endif

void sn_gunzip_close(sn_gunzip *gunzip)
{
    stream_destroy(gunzip->stream);
    if (gunzip->file != NULL) {
        (void)fclose(gunzip->file);
    }
}

static sn_status no_memory(const sn_gunzip *gunzip, sn_error *err)
{
    return sn_fail(err, SN_ENOMEM, "cannot uncompress (%s): out of memory",
                   gunzip->path);
}

const char *sn_gunzip_library(void)
{
    return library;
}

sn_status sn_gunzip_open(sn_gunzip *gunzip, const char *path, const char *wanted,
                         sn_error *err)
{
    gunzip->path = path;
    gunzip->stream = NULL;
    gunzip->ended = false;
    gunzip->left = 0;
    sn_status status =
        sn_file_open(path, wanted, &gunzip->file, &gunzip->file_bytes, err);
    if (status != SN_OK) {
        return status;
    }
    unsigned char magic[2] = {0, 0};
    const size_t got = fread(magic, 1, sizeof magic, gunzip->file);
    rewind(gunzip->file);
    if (got == sizeof magic && magic[0] == 0x1f && magic[1] == 0x8b) {
        gunzip->stream = stream_create();
        if (gunzip->stream == NULL) {
            status = no_memory(gunzip, err);
            sn_gunzip_close(gunzip);
        }
    }
    return status;
}

static sn_status malformed(const sn_gunzip *gunzip, const char *why, sn_error *err)
{
    return sn_fail(err, SN_EDATA, "malformed gzip file (%s): %s; get the file again",
                   gunzip->path, why);
}

static sn_status read_error(const sn_gunzip *gunzip, sn_error *err)
{
    return sn_fail(err, SN_ENOINPUT, "cannot read (%s): %s; check the disk",
                   gunzip->path, strerror(errno));
}

/* Reads compressed bytes if none are left.  At the end of the file, none are left. */
static sn_status refill(sn_gunzip *gunzip, sn_error *err)
{
    if (gunzip->left == 0) {
        gunzip->left = fread(gunzip->input, 1, sizeof gunzip->input, gunzip->file);
        gunzip->next = gunzip->input;
    }
    return gunzip->left == 0 && ferror(gunzip->file) ? read_error(gunzip, err) : SN_OK;
}

/* Called at the end of a gzip member: another member or the end of the file must
 * follow. */
static sn_status next_member(sn_gunzip *gunzip, sn_error *err)
{
    const sn_status status = refill(gunzip, err);
    gunzip->ended = gunzip->left == 0;
    if (status != SN_OK || gunzip->ended) {
        return status;
    }
    stream_restart(gunzip->stream);
    return gunzip->next[0] == 0x1f
               ? SN_OK
               : malformed(gunzip, "bytes follow the compressed data", err);
}

static sn_status read_gzip(sn_gunzip *gunzip, uint8_t *buffer, size_t bytes,
                           size_t *got, sn_error *err)
{
    enum { ROOM_MAX = 1 << 30 };
    *got = 0;
    sn_status status = SN_OK;
    while (status == SN_OK && *got < bytes && !gunzip->ended) {
        status = refill(gunzip, err);
        if (status == SN_OK && gunzip->left == 0) {
            status = malformed(gunzip, "it is cut off", err);
        }
        if (status != SN_OK) {
            return status;
        }
        size_t room = bytes - *got, more;
        const state after =
            stream_run(gunzip->stream, &gunzip->next, &gunzip->left, buffer + *got,
                       room < ROOM_MAX ? room : ROOM_MAX, &more);
        *got += more;
        switch (after) {
        case CONTINUES:
            break;
        case MEMBER_ENDS:
            status = next_member(gunzip, err);
            break;
        case DAMAGED:
            return malformed(gunzip, "its compressed data is damaged", err);
        case WRONG_CHECKSUM:
            return malformed(gunzip,
                             "its checksum is wrong, so its contents are damaged", err);
        case NO_MEMORY:
            return no_memory(gunzip, err);
        }
    }
    return status;
}

sn_status sn_gunzip_read(sn_gunzip *gunzip, uint8_t *buffer, size_t bytes, size_t *got,
                         sn_error *err)
{
    if (gunzip->stream != NULL) {
        return read_gzip(gunzip, buffer, bytes, got, err);
    }
    *got = fread(buffer, 1, bytes, gunzip->file);
    return *got < bytes && ferror(gunzip->file) ? read_error(gunzip, err) : SN_OK;
}
