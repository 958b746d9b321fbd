#include "cli/print/png.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <png.h>

#include "base/file.h"
#include "base/mem.h"

enum { SIDE_MAX = 1000000 }; /* libpng refuses more unless told otherwise */

/* What libpng's callbacks know. */
typedef struct picture {
    const char *path;
    FILE *file;
    size_t width, height, scale;
    const uint8_t *pixels;
    uint8_t *line; /* one row, magnified */
    sn_error *err;
} picture;

/* libpng wants an error function that does not return. */
static void on_error(png_structp png, png_const_charp message)
{
    const picture *drawn = png_get_error_ptr(png);
    sn_fail(drawn->err, SN_EIO, "cannot write (%s): %s", drawn->path, message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_write(png_structp png, png_bytep bytes, size_t count)
{
    const picture *drawn = png_get_io_ptr(png);
    if (fwrite(bytes, 1, count, drawn->file) != count) {
        png_error(png, strerror(errno));
    }
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* May leave through longjmp; owns nothing. */
static void write_rows(png_structp png, png_infop info, const picture *drawn)
{
    png_set_IHDR(png, info, (png_uint_32)(drawn->width * drawn->scale),
                 (png_uint_32)(drawn->height * drawn->scale), 8, PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t row = 0; row < drawn->height; row++) {
        const uint8_t *from = drawn->pixels + row * drawn->width;
        for (size_t col = 0; col < drawn->width; col++) {
            memset(drawn->line + col * drawn->scale, from[col], drawn->scale);
        }
        for (size_t i = 0; i < drawn->scale; i++) {
            png_write_row(png, drawn->line);
        }
    }
    png_write_end(png, info);
}

static sn_status encode(picture *drawn)
{
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, drawn, on_error, on_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    if (info == NULL) {
        png_destroy_write_struct(&png, NULL);
        return sn_fail(drawn->err, SN_ENOMEM, "cannot write (%s): out of memory",
                       drawn->path);
    }
    /* no local variable changes between here and the jump back */
    if (setjmp(png_jmpbuf(png)) != 0) {
        png_destroy_write_struct(&png, &info);
        return SN_EIO;
    }
    png_set_write_fn(png, drawn, on_write, on_flush);
    write_rows(png, info, drawn);
    png_destroy_write_struct(&png, &info);
    return SN_OK;
}

static sn_status write_file(picture *drawn, const char *temporary)
{
    drawn->file = fopen(temporary, "wb");
    if (drawn->file == NULL) {
        return sn_fail(drawn->err, SN_ECREATE,
                       "cannot create (%s): %s; choose a path you may write to",
                       temporary, strerror(errno));
    }
    sn_status status = encode(drawn);
    if (fclose(drawn->file) != 0 && status == SN_OK) {
        status = sn_fail(drawn->err, SN_EIO, "cannot write (%s): %s", drawn->path,
                         strerror(errno));
    }
    if (status == SN_OK) {
        status = sn_file_publish(temporary, drawn->path, drawn->err);
    }
    if (status != SN_OK) {
        unlink(temporary);
    }
    return status;
}

sn_status sn_png_write(const char *path, size_t width, size_t height, size_t scale,
                       const uint8_t *pixels, sn_error *err)
{
    size_t wide, high;
    if (!sn_size_multiply(width, scale, &wide) ||
        !sn_size_multiply(height, scale, &high) || wide == 0 || high == 0 ||
        wide > SIDE_MAX || high > SIDE_MAX) {
        return sn_fail(
            err, SN_ERANGE,
            "picture size out of range (%s): each side may have from 1 to %d "
            "pixels",
            path, SIDE_MAX);
    }
    char temporary[SN_PATH_BYTES];
    if (sn_path_temporary(temporary, path, NULL) != SN_OK) {
        return sn_fail(err, SN_ECREATE, "cannot create (%s): the path is too long",
                       path);
    }
    /* rename would tell it too, but only as a failed write */
    if (sn_is_folder(path)) {
        return sn_fail(err, SN_ECREATE, "cannot create (%s): it is a folder", path);
    }
    picture drawn = {.path = path,
                     .width = width,
                     .height = height,
                     .scale = scale,
                     .pixels = pixels,
                     .line = sn_alloc(wide, 1),
                     .err = err};
    sn_status status = drawn.line == NULL
                           ? sn_fail(err, SN_ENOMEM, "not enough memory (%s)", path)
                           : write_file(&drawn, temporary);
    free(drawn.line);
    return status;
}
