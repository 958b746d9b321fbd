#include "cli/print/png.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/file.h"
#include "base/mem.h"

enum { SIDE_MAX = 1000000 }; /* of a picture that libpng accepts */

/* Writes bytes (height, width) to temporary and publishes that as path. */
static sn_status write_file(const char *path, const char *temporary, size_t width,
                            size_t height, const uint8_t *bytes, sn_error *err)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = PNG_FORMAT_GRAY};
    FILE *file = fopen(temporary, "wb");
    if (file == NULL) {
        return sn_fail(err, SN_ECREATE,
                       "cannot create (%s): %s; choose a path you may write to",
                       temporary, strerror(errno));
    }
    errno = 0;
    const bool good = png_image_write_to_stdio(&image, file, 0, bytes, 0, NULL) != 0;
    const int reason = errno;
    sn_status status = SN_OK;
    if (fclose(file) != 0 || !good) {
        status = sn_fail(err, SN_EIO, "cannot write (%s): %s", path,
                         good          ? strerror(errno)
                         : reason != 0 ? strerror(reason)
                                       : image.message);
    }
    return sn_file_conclude(status, temporary, path, err);
}

sn_status sn_png_write(const char *path, size_t width, size_t height, size_t scale,
                       const uint8_t *pixels, sn_error *err)
{
    size_t wide, high;
    if (!sn_size_multiply(width, scale, &wide) ||
        !sn_size_multiply(height, scale, &high) || wide > SIDE_MAX || high > SIDE_MAX) {
        return sn_fail(err, SN_ERANGE,
                       "picture size out of range (%s): each side may have at most %d "
                       "pixels",
                       path, SIDE_MAX);
    }
    char temporary[SN_PATH_BYTES];
    if (sn_path_temporary(temporary, path, NULL) != SN_OK) {
        return sn_fail(err, SN_ECREATE, "cannot create (%s): the path is too long",
                       path);
    }
    /* rename would report it too, but only as a failed write */
    if (sn_is_folder(path)) {
        return sn_fail(err, SN_ECREATE, "cannot create (%s): it is a folder", path);
    }
    uint8_t *bytes = sn_alloc(high, wide);
    if (bytes == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (%s)", path);
    }
    for (size_t row = 0; row < high; row++) {
        for (size_t col = 0; col < wide; col++) {
            bytes[row * wide + col] = pixels[row / scale * width + col / scale];
        }
    }
    const sn_status status = write_file(path, temporary, wide, high, bytes, err);
    free(bytes);
    return status;
}
