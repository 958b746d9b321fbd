/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/image/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/system/file.h"
#include "data/formats/idx.h"
#include "data/image/image_file.h"

enum { MAGIC_BYTES = 8, STREAM_FIRST = 1 << 16 };

static sn_status read_idx(const char *path, sn_images *images, sn_error *err)
{
    sn_idx_header header;
    sn_status status = sn_idx_read_header(path, 3, &header, err);
    if (status != SN_OK) {
        return status;
    }
    images->count = header.size[0];
    images->rows = header.size[1];
    images->cols = header.size[2];
    images->pixels = sn_alloc(header.payload_bytes, 1);
    if (images->pixels == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (%s)", path);
    }
    return sn_idx_read_payload(path, &header, images->pixels, err);
}

static sn_status find_kind(const sn_image_file *file, sn_image_kind *kind,
                           sn_error *err)
{
    static const uint8_t png[MAGIC_BYTES] = {0x89, 'P',  'N',  'G',
                                             '\r', '\n', 0x1a, '\n'};
    uint8_t start[MAGIC_BYTES] = {0};
    const size_t got = fread(start, 1, sizeof start, file->stream);
    if (ferror(file->stream)) {
        return sn_image_read_error(file, err);
    }
    rewind(file->stream);
    if (got < 2) {
        return sn_fail(err, SN_EDATA, "not a picture (%s): %s; get the file again",
                       file->path, file->bytes == 0 ? "it is empty" : "it is cut off");
    }
    if (memcmp(start, png, sizeof png) == 0) {
        *kind = SN_IMAGE_PNG;
    } else if (start[0] == 0xff && start[1] == 0xd8) {
        *kind = SN_IMAGE_JPEG;
    } else if (start[0] == 'P' && start[1] >= '1' && start[1] <= '7') {
        *kind = SN_IMAGE_PGM;
    } else if ((start[0] == 0 && start[1] == 0) ||
               (start[0] == 0x1f && start[1] == 0x8b)) {
        *kind = SN_IMAGE_IDX;
    } else {
        return sn_fail(err, SN_EDATA,
                       "unknown picture format (%s): it starts with bytes %02x %02x; "
                       "convert it to PNG, JPEG, PGM or IDX",
                       file->path, start[0], start[1]);
    }
    return SN_OK;
}

static sn_status read_kind(const sn_image_file *file, sn_images *images, sn_error *err)
{
    switch (images->kind) {
    case SN_IMAGE_PNG:
        return sn_image_read_png(file, images, err);
    case SN_IMAGE_JPEG:
        return sn_image_read_jpeg(file, images, err);
    case SN_IMAGE_PGM:
        return sn_image_read_pgm(file, images, err);
    default:
        return file->is_stream
                   ? sn_fail(err, SN_EDATA,
                             "not a PNG, JPEG or PGM (%s): an IDX file must be given "
                             "by its path",
                             file->path)
                   : read_idx(file->path, images, err);
    }
}

/* Reads the images of an open file, and closes it. */
static sn_status read_open(const sn_image_file *file, sn_images *images, sn_error *err)
{
    sn_status status = find_kind(file, &images->kind, err);
    if (status == SN_OK) {
        status = read_kind(file, images, err);
    }
    (void)fclose(file->stream);
    if (status != SN_OK) {
        sn_image_clear(images);
    }
    return status;
}

sn_status sn_image_read(const char *path, sn_images *images, sn_error *err)
{
    *images = (sn_images){0};
    sn_image_file file = {.path = path};
    sn_status status = sn_file_open(path, "a PNG, JPEG, PGM or IDX file", &file.stream,
                                    &file.bytes, err);
    return status == SN_OK ? read_open(&file, images, err) : status;
}

/* *bytes (count) := the rest of the stream; the caller frees it, also on failure. */
static sn_status read_rest(FILE *stream, const char *name, uint8_t **bytes,
                           size_t *count, sn_error *err)
{
    size_t room = 0, got;
    do {
        room = room == 0 ? STREAM_FIRST : 2 * room;
        uint8_t *more = room > SN_IMAGE_STREAM_MAX ? NULL : realloc(*bytes, room);
        if (more == NULL) {
            return sn_fail(err, room > SN_IMAGE_STREAM_MAX ? SN_EDATA : SN_ENOMEM,
                           "cannot read (%s): it is longer than %zu bytes, or there is "
                           "no memory for it",
                           name, *count);
        }
        *bytes = more;
        got = fread(*bytes + *count, 1, room - *count, stream);
        *count += got;
    } while (*count == room);
    return ferror(stream) ? sn_image_read_error(
                                &(sn_image_file){.path = name, .stream = stream}, err)
                          : SN_OK;
}

sn_status sn_image_read_stream(FILE *stream, const char *name, sn_images *images,
                               sn_error *err)
{
    uint8_t *bytes = NULL;
    size_t count = 0;
    *images = (sn_images){0};
    sn_image_file file = {.path = name, .is_stream = true};
    sn_status status = read_rest(stream, name, &bytes, &count, err);
    if (status == SN_OK) {
        file.bytes = count;
        /* fmemopen refuses an empty buffer; one byte is not a picture either */
        file.stream = fmemopen(bytes, count > 0 ? count : 1, "rb");
        status = file.stream != NULL
                     ? read_open(&file, images, err)
                     : sn_fail(err, SN_ENOMEM, "not enough memory (%s)", name);
    }
    free(bytes);
    return status;
}

void sn_image_clear(sn_images *images)
{
    free(images->pixels);
    *images = (sn_images){0};
}
