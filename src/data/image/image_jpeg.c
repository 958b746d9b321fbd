/* SPDX-License-Identifier: BSD-3-Clause */
/* A JPEG reader on top of libjpeg-turbo.  It treats every warning of the library, which
 * means damaged data, as an error. */
#include "data/image/image_file.h"
#include "data/image/orientation.h"

#ifdef SHARDNET_JPEG

#include <setjmp.h>

#include <jpeglib.h>

#include <jerror.h>

enum {
    /* a block of 64 pixels needs at least one bit */
    PIXELS_PER_BYTE_MAX = 8 * 64,
    /* Each scan of a progressive file can take one byte and process all pixels. */
    SCANS_MAX = 100,
    EXIF_MARKER = JPEG_APP0 + 1,
    MARKER_BYTES_MAX = 0xffff,
    MEMORY_MAX = 1 << 29 /* bytes: 16-bit coefficients of SN_IMAGE_PIXELS_MAX, RGB */
};

/* The state of the callbacks.  The first member lets them find it. */
typedef struct reader {
    struct jpeg_error_mgr manager;
    struct jpeg_progress_mgr progress;
    jmp_buf end;
    const sn_image_file *file;
    sn_images *images;
    sn_status status;
    sn_error *err;
} reader;

/* Ends the reading with a status whose message is set. */
static _Noreturn void leave(j_common_ptr jpeg, sn_status status)
{
    reader *r = (reader *)jpeg->err;
    r->status = status;
    longjmp(r->end, 1);
}

static _Noreturn void malformed(j_common_ptr jpeg, const char *why)
{
    const reader *r = (const reader *)jpeg->err;
    leave(jpeg,
          ferror(r->file->stream)
              ? sn_image_read_error(r->file, r->err)
              : sn_fail(r->err, SN_EDATA, "malformed JPEG file (%s): %s; get it again",
                        r->file->path, why));
}

static _Noreturn void on_error(j_common_ptr jpeg)
{
    const reader *r = (const reader *)jpeg->err;
    char why[JMSG_LENGTH_MAX];
    switch (jpeg->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
        leave(jpeg,
              sn_fail(r->err, SN_ENOMEM, "not enough memory (%s)", r->file->path));
    case JERR_INPUT_EMPTY:
    case JERR_INPUT_EOF:
    case JWRN_JPEG_EOF:
        malformed(jpeg, "it is cut off");
    default:
        jpeg->err->format_message(jpeg, why);
        malformed(jpeg, why);
    }
}

/* A negative level is a warning, any other a trace. */
static void on_message(j_common_ptr jpeg, int level)
{
    if (level < 0) {
        on_error(jpeg);
    }
}

static void on_progress(j_common_ptr jpeg)
{
    if (((j_decompress_ptr)jpeg)->input_scan_number > SCANS_MAX) {
        malformed(jpeg, "it has too many scans");
    }
}

/* This function and its callers may end through longjmp. */
static void read_header(j_decompress_ptr jpeg, const reader *r)
{
    j_common_ptr common = (j_common_ptr)jpeg;
    (void)jpeg_read_header(jpeg, TRUE);
    if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK) {
        leave(common, sn_fail(r->err, SN_EDATA,
                              "not a grey or RGB picture (%s): it has the colours of "
                              "printing, CMYK; convert it to RGB",
                              r->file->path));
    }
    const uint64_t rows = jpeg->image_height, cols = jpeg->image_width;
    if (rows * cols / PIXELS_PER_BYTE_MAX > r->file->bytes) {
        malformed(common, "its header claims more pixels than the file can contain");
    }
    const sn_status status = sn_image_allocate(r->file, rows, cols, r->images, r->err);
    if (status != SN_OK) {
        leave(common, status);
    }
}

static void read_picture(j_decompress_ptr jpeg, reader *r)
{
    jpeg->mem->max_memory_to_use = MEMORY_MAX;
    r->progress.progress_monitor = on_progress;
    jpeg->progress = &r->progress;
    jpeg_stdio_src(jpeg, r->file->stream);
    jpeg_save_markers(jpeg, EXIF_MARKER, MARKER_BYTES_MAX);
    read_header(jpeg, r);
    jpeg->out_color_space = JCS_GRAYSCALE;
    (void)jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = r->images->pixels + jpeg->output_scanline * r->images->cols;
        (void)jpeg_read_scanlines(jpeg, &row, 1);
    }
    int orientation = 1;
    for (jpeg_saved_marker_ptr marker = jpeg->marker_list;
         marker != NULL && orientation == 1; marker = marker->next) {
        orientation = sn_orientation_find(marker->data, marker->data_length);
    }
    (void)jpeg_finish_decompress(jpeg);
    const sn_status status =
        sn_orientation_apply(orientation, r->file->path, r->images, r->err);
    if (status != SN_OK) {
        leave((j_common_ptr)jpeg, status);
    }
}

/* This function sets no local variable between setjmp and longjmp. */
static void decode(j_decompress_ptr jpeg, reader *r)
{
    if (setjmp(r->end) == 0) {
        jpeg_create_decompress(jpeg);
        read_picture(jpeg, r);
    }
}

sn_status sn_image_read_jpeg(const sn_image_file *file, sn_images *images,
                             sn_error *err)
{
    reader r = {.file = file, .images = images, .status = SN_OK, .err = err};
    struct jpeg_decompress_struct jpeg = {.err = jpeg_std_error(&r.manager)};
    r.manager.error_exit = on_error;
    r.manager.emit_message = on_message;
    decode(&jpeg, &r);
    jpeg_destroy_decompress(&jpeg);
    return r.status;
}

#else

sn_status sn_image_read_jpeg(const sn_image_file *file, sn_images *images,
                             sn_error *err)
{
    (void)images;
    return sn_fail(err, SN_ENOINPUT,
                   "cannot read JPEG files (%s): this build has no libjpeg-turbo; "
                   "install it (Debian: libjpeg-dev; Spack, EasyBuild: libjpeg-turbo) "
                   "and build again, or convert the picture to PNG",
                   file->path);
}

#endif
