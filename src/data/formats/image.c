/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/formats/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/system/file.h"
#include "data/formats/idx.h"
#include "data/formats/image_file.h"

enum { MAGIC_BYTES = 8 };

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
                       file->path, got == 0 ? "it is empty" : "it is cut off");
    }
    if (memcmp(start, png, sizeof png) == 0) {
        *kind = SN_IMAGE_PNG;
    } else if (start[0] == 'P' && start[1] >= '1' && start[1] <= '7') {
        *kind = SN_IMAGE_PGM;
    } else if ((start[0] == 0 && start[1] == 0) ||
               (start[0] == 0x1f && start[1] == 0x8b)) {
        *kind = SN_IMAGE_IDX;
    } else {
        return sn_fail(err, SN_EDATA,
                       "unknown picture format (%s): it starts with bytes %02x %02x; "
                       "convert it to PNG, PGM or IDX",
                       file->path, start[0], start[1]);
    }
    return SN_OK;
}

sn_status sn_image_read(const char *path, sn_images *images, sn_error *err)
{
    *images = (sn_images){0};
    sn_image_file file = {.path = path};
    sn_status status =
        sn_file_open(path, "a PNG, PGM or IDX file", &file.stream, &file.bytes, err);
    if (status != SN_OK) {
        return status;
    }
    status = find_kind(&file, &images->kind, err);
    if (status == SN_OK) {
        status = images->kind == SN_IMAGE_PNG   ? sn_image_read_png(&file, images, err)
                 : images->kind == SN_IMAGE_PGM ? sn_image_read_pgm(&file, images, err)
                                                : read_idx(path, images, err);
    }
    (void)fclose(file.stream);
    if (status != SN_OK) {
        sn_image_clear(images);
    }
    return status;
}

void sn_image_clear(sn_images *images)
{
    free(images->pixels);
    *images = (sn_images){0};
}
