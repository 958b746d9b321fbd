#include "shardnet/image.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/image_internal.h"
#include "shardnet/idx.h"
#include "shardnet/mem.h"

enum { MAGIC_BYTES = 8 };

sn_status sn_image_read_error(const sn_image_file *file, sn_error *err)
{
    return sn_fail(err, SN_ENOINPUT, "cannot read (%s): %s; check the disk", file->path,
                   strerror(errno));
}

sn_status sn_image_make(const sn_image_file *file, uint64_t rows, uint64_t cols,
                        sn_images *images, sn_error *err)
{
    if (rows < 1 || cols < 1 || rows > SN_IMAGE_SIDE_MAX || cols > SN_IMAGE_SIDE_MAX ||
        rows * cols > SN_IMAGE_PIXELS_MAX) {
        return sn_fail(err, SN_EDATA,
                       "picture of a wrong size (%s): %" PRIu64 " x %" PRIu64
                       " pixels, but each side may have 1 to %d and all together %d; "
                       "make it smaller",
                       file->path, cols, rows, SN_IMAGE_SIDE_MAX, SN_IMAGE_PIXELS_MAX);
    }
    images->count = 1;
    images->rows = (size_t)rows;
    images->cols = (size_t)cols;
    images->pixels = sn_alloc(images->rows * images->cols, 1);
    return images->pixels != NULL
               ? SN_OK
               : sn_fail(err, SN_ENOMEM, "not enough memory (%s)", file->path);
}

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

static sn_status open_file(const char *path, sn_image_file *file, sn_error *err)
{
    struct stat info;
    *file = (sn_image_file){.path = path};
    if (stat(path, &info) != 0) {
        return sn_fail(err, SN_ENOINPUT, "cannot open (%s): %s; check the path", path,
                       strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return sn_fail(err, SN_ENOINPUT,
                       "cannot read (%s): %s; give a PNG, PGM or IDX file", path,
                       S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a file");
    }
    file->bytes = (uint64_t)info.st_size;
    file->stream = fopen(path, "rb");
    return file->stream != NULL ? SN_OK
                                : sn_fail(err, SN_ENOINPUT,
                                          "cannot open (%s): %s; check its permissions",
                                          path, strerror(errno));
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
        return sn_fail(err, SN_EDATA, "no picture (%s): %s; get the file again",
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
                       "unknown kind of picture (%s): it starts with bytes %02x %02x; "
                       "convert it to PNG, PGM or IDX",
                       file->path, start[0], start[1]);
    }
    return SN_OK;
}

sn_status sn_image_read(const char *path, sn_images *images, sn_error *err)
{
    *images = (sn_images){0};
    sn_image_file file;
    sn_status status = open_file(path, &file, err);
    if (status != SN_OK) {
        return status;
    }
    status = find_kind(&file, &images->kind, err);
    if (status == SN_OK) {
        status = images->kind == SN_IMAGE_PNG   ? sn_image_read_png(&file, images, err)
                 : images->kind == SN_IMAGE_PGM ? sn_image_read_pgm(&file, images, err)
                                                : read_idx(path, images, err);
    }
    fclose(file.stream);
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
