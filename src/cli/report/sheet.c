/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/report/sheet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <png.h>

#include "base/mem.h"
#include "base/system/file.h"

enum {
    CONTACT_SCALE = 3,
    CONTACT_SIDE = 20000, /* a larger side makes the scale smaller, down to 1 */
    CONTACT_GREY = 96,    /* background */
    SIDE_MAX = 1000000,   /* limit of libpng */
    BYTES_MAX = 1 << 30
};

sn_sheet_layout sn_sheet_contact(size_t rows, size_t cols, size_t across, size_t down)
{
    const size_t tall = down * rows, wide = across * cols;
    const size_t fits = CONTACT_SIDE / (tall > wide ? tall : wide);
    const size_t scale = fits < 1 ? 1 : fits > CONTACT_SCALE ? CONTACT_SCALE : fits;
    return (sn_sheet_layout){.rows = rows,
                             .cols = cols,
                             .depth = SN_SHEET_GREY,
                             .across = across,
                             .down = down,
                             .scale = scale,
                             .gap = CONTACT_SCALE,
                             .background = CONTACT_GREY};
}

sn_status sn_sheet_init(sn_sheet *sheet, const sn_sheet_layout *layout, sn_error *err)
{
    const sn_sheet_layout *l = layout;
    *sheet = (sn_sheet){.layout = *l};
    sheet->height = l->down * (l->scale * l->rows + l->gap) + l->gap;
    sheet->width = l->across * (l->scale * l->cols + l->gap) + l->gap + l->middle;
    size_t bytes;
    if (sheet->width > SIDE_MAX || sheet->height > SIDE_MAX ||
        !sn_size_multiply(sheet->height, sheet->width * l->depth, &bytes) ||
        bytes > BYTES_MAX) {
        return sn_fail(err, SN_ERANGE,
                       "picture too large (%zu x %zu): at most %d pixels per side and "
                       "%d bytes are supported",
                       sheet->width, sheet->height, SIDE_MAX, BYTES_MAX);
    }
    sheet->pixels = sn_alloc(bytes, 1);
    if (sheet->pixels == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (picture of %zu x %zu)",
                       sheet->width, sheet->height);
    }
    memset(sheet->pixels, l->background, bytes);
    return SN_OK;
}

void sn_sheet_clear(sn_sheet *sheet)
{
    free(sheet->pixels);
    *sheet = (sn_sheet){.pixels = NULL};
}

void sn_sheet_draw(sn_sheet *sheet, size_t i, const uint8_t *picture)
{
    const sn_sheet_layout *l = &sheet->layout;
    const size_t row = i / l->across, col = i % l->across;
    const size_t top = l->gap + row * (l->scale * l->rows + l->gap);
    const size_t left = l->gap + col * (l->scale * l->cols + l->gap) +
                        (col < l->across / 2 ? 0 : l->middle);
    for (size_t r = 0; r < l->scale * l->rows; r++) {
        uint8_t *to = sheet->pixels + ((top + r) * sheet->width + left) * l->depth;
        const uint8_t *from = picture + r / l->scale * l->cols * l->depth;
        for (size_t c = 0; c < l->scale * l->cols; c++) {
            memcpy(to + c * l->depth, from + c / l->scale * l->depth, l->depth);
        }
    }
}

static png_image describe(const sn_sheet *sheet)
{
    return (png_image){.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)sheet->width,
                       .height = (png_uint_32)sheet->height,
                       .format = sheet->layout.depth == SN_SHEET_GREY
                                     ? PNG_FORMAT_GRAY
                                     : PNG_FORMAT_RGBA};
}

sn_status sn_sheet_write(const sn_sheet *sheet, const char *path, sn_error *err)
{
    char temporary[SN_PATH_BYTES];
    png_image image = describe(sheet);
    FILE *file;
    sn_status status = sn_file_begin(path, temporary, &file, err);
    if (status != SN_OK) {
        return status;
    }
    errno = 0;
    const bool good =
        png_image_write_to_stdio(&image, file, 0, sheet->pixels, 0, NULL) != 0;
    const int reason = errno;
    if (fclose(file) != 0 || !good) {
        status = sn_fail(err, SN_EIO, "cannot write (%s): %s", path,
                         good          ? strerror(errno)
                         : reason != 0 ? strerror(reason)
                                       : image.message);
    }
    return sn_file_publish_or_remove(status, temporary, path, err);
}

sn_status sn_sheet_encode(const sn_sheet *sheet, char **text, sn_error *err)
{
    png_image image = describe(sheet);
    png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
    unsigned char *png = malloc(bytes);
    *text = NULL;
    if (png != NULL &&
        png_image_write_to_memory(&image, png, &bytes, 0, sheet->pixels, 0, NULL)) {
        *text = malloc(bytes / 3 * 4 + 5);
    }
    if (*text != NULL) {
        (void)EVP_EncodeBlock((unsigned char *)*text, png, (int)bytes);
    }
    free(png);
    return *text != NULL ? SN_OK : sn_fail(err, SN_ENOMEM, "pictures: out of memory");
}
