/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/image/image_file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

sn_status sn_image_read_error(const sn_image_file *file, sn_error *err)
{
    return sn_fail(err, SN_ENOINPUT, "cannot read (%s): %s; %s", file->path,
                   strerror(errno),
                   errno == EBADF ? "open it, as with < FILE" : "check the disk");
}

sn_status sn_image_allocate(const sn_image_file *file, uint64_t rows, uint64_t cols,
                            sn_images *images, sn_error *err)
{
    if (rows < 1 || cols < 1 || rows > SN_IMAGE_SIDE_MAX || cols > SN_IMAGE_SIDE_MAX ||
        rows * cols > SN_IMAGE_PIXELS_MAX) {
        return sn_fail(err, SN_EDATA,
                       "picture size out of range (%s): %" PRIu64 " x %" PRIu64
                       " pixels; a side must have 1 to %d pixels, a picture at most "
                       "%d; make it smaller",
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
