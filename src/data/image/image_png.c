/* SPDX-License-Identifier: BSD-3-Clause */
/* A PNG reader on top of libpng.  It reads row by row: even an interlaced picture needs
 * only one byte per pixel and memory for one row of the file. */
#include "data/image/image_file.h"

#include <setjmp.h>
#include <stdlib.h>

#include <png.h>

#include "base/mem.h"
#include "data/formats/gunzip.h"

enum { CHUNKS_MAX = 16, CHUNK_BYTES_MAX = 1 << 20, CHANNELS_MAX = 4, BRIGHT = 128 };

/* The state that libpng passes to the callbacks. */
typedef struct reader {
    const sn_image_file *file;
    sn_images *images;
    uint8_t *row;   /* (cols, channels): one row of the file, 8 bits per value */
    uint8_t *alpha; /* (rows, cols); NULL if the file has no alpha channel */
    sn_status status;
    sn_error *err;
} reader;

/* Ends the reading with a status whose message is set. */
static _Noreturn void leave(png_structp png, sn_status status)
{
    reader *r = png_get_error_ptr(png);
    r->status = status;
    png_longjmp(png, 1);
}

static _Noreturn void on_error(png_structp png, png_const_charp message)
{
    const reader *r = png_get_error_ptr(png);
    leave(png, sn_fail(r->err, SN_EDATA, "malformed PNG file (%s): %s; get it again",
                       r->file->path, message));
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep bytes, size_t count)
{
    const reader *r = png_get_io_ptr(png);
    if (fread(bytes, 1, count, r->file->stream) != count) {
        if (ferror(r->file->stream)) {
            leave(png, sn_image_read_error(r->file, r->err));
        }
        png_error(png, "it is cut off");
    }
}

static sn_status out_of_memory(const reader *r)
{
    return sn_fail(r->err, SN_ENOMEM, "not enough memory (%s)", r->file->path);
}

/* Makes libpng ignore unknown chunks and limits its memory. */
static void set_limits(png_structp png)
{
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    /* sn_image_allocate has stricter limits and a better message */
    png_set_user_limits(png, SN_IMAGE_PIXELS_MAX, SN_IMAGE_PIXELS_MAX);
    png_set_chunk_cache_max(png, CHUNKS_MAX);
    png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
}

/* This function and its callers may end through longjmp. */
static void read_header(png_structp png, png_infop info, reader *r)
{
    set_limits(png);
    png_read_info(png, info);
    const uint64_t rows = png_get_image_height(png, info);
    const uint64_t cols = png_get_image_width(png, info);
    const uint64_t bits =
        (uint64_t)png_get_bit_depth(png, info) * png_get_channels(png, info);
    /* both sides have at most 27 bits, so that the product does not overflow */
    if (rows * cols * bits / 8 / SN_DEFLATE_RATIO_MAX > r->file->bytes) {
        png_error(png, "its header claims more pixels than the file can contain");
    }
    const sn_status status = sn_image_allocate(r->file, rows, cols, r->images, r->err);
    if (status != SN_OK) {
        leave(png, status);
    }
    r->row = sn_alloc(r->images->cols, CHANNELS_MAX);
    if (r->row == NULL) {
        leave(png, out_of_memory(r));
    }
    png_set_expand(png); /* at least 8 bits, no palette, alpha channel */
    png_set_scale_16(png);
    png_read_update_info(png, info);
    if (png_get_channels(png, info) % 2 == 0) {
        r->alpha = sn_alloc(r->images->rows, r->images->cols);
        if (r->alpha == NULL) {
            leave(png, out_of_memory(r));
        }
    }
}

/* Returns the luma on a white background; value (channels) is grey, grey and alpha, RGB
 * or RGBA. */
static uint8_t grey_of(const uint8_t *value, size_t channels)
{
    const unsigned luma =
        channels < 3
            ? value[0]
            : (299U * value[0] + 587U * value[1] + 114U * value[2] + 500) / 1000;
    const unsigned alpha = channels % 2 == 0 ? value[channels - 1] : 255;
    return (uint8_t)((luma * alpha + 255 * (255 - alpha) + 127) / 255);
}

/* Reads one pass of a picture: the pixels from (row, col) in steps of (down, right).  A
 * pass without columns has no rows in the file. */
static void read_pass(png_structp png, const reader *r, size_t row, size_t down,
                      size_t col, size_t right, size_t channels)
{
    const size_t rows = r->images->rows, cols = r->images->cols;
    for (size_t i = row; i < rows && col < cols; i += down) {
        const uint8_t *value = r->row;
        png_read_row(png, r->row, NULL);
        for (size_t j = col; j < cols; j += right) {
            r->images->pixels[i * cols + j] = grey_of(value, channels);
            if (r->alpha != NULL) {
                r->alpha[i * cols + j] = value[channels - 1];
            }
            value += channels;
        }
    }
}

static void read_picture(png_structp png, png_infop info, reader *r)
{
    read_header(png, info, r);
    const size_t channels = png_get_channels(png, info);
    if (png_get_interlace_type(png, info) == PNG_INTERLACE_NONE) {
        read_pass(png, r, 0, 1, 0, 1, channels);
    } else {
        for (int i = 0; i < PNG_INTERLACE_ADAM7_PASSES; i++) {
            read_pass(png, r, (size_t)PNG_PASS_START_ROW(i),
                      (size_t)PNG_PASS_ROW_OFFSET(i), (size_t)PNG_PASS_START_COL(i),
                      (size_t)PNG_PASS_COL_OFFSET(i), channels);
        }
    }
    png_read_end(png, NULL);
}

/* The caller owns the reader, so that its changes survive longjmp. */
static sn_status decode(reader *r)
{
    png_structp png =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, r, on_error, on_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    if (info == NULL) {
        png_destroy_read_struct(&png, NULL, NULL);
        return out_of_memory(r);
    }
    png_set_read_fn(png, r, on_read);
    /* no local variable may change between setjmp and longjmp */
    if (setjmp(png_jmpbuf(png)) == 0) {
        read_picture(png, info, r);
    }
    png_destroy_read_struct(&png, &info, NULL);
    return r->status;
}

/* Returns true if no pixel is dark on the white background.  The ink is then bright and
 * needs a black background.  Dark ink shows on white, and also on a bright card that
 * has a transparent rim. */
static bool is_bright(const sn_images *images)
{
    for (size_t i = 0; i < images->rows * images->cols; i++) {
        if (images->pixels[i] < BRIGHT) {
            return false;
        }
    }
    return true;
}

sn_status sn_image_read_png(const sn_image_file *file, sn_images *images, sn_error *err)
{
    reader r = {.file = file, .images = images, .status = SN_OK, .err = err};
    const sn_status status = decode(&r);
    if (status == SN_OK && r.alpha != NULL && is_bright(images)) {
        for (size_t i = 0; i < images->rows * images->cols; i++) {
            /* grey_of has added 255 - alpha for the white background */
            images->pixels[i] = (uint8_t)(images->pixels[i] - (255 - r.alpha[i]));
        }
    }
    free(r.row);
    free(r.alpha);
    return status;
}
