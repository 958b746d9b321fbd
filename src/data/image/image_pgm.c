/* SPDX-License-Identifier: BSD-3-Clause */
/* The PGM format of netpbm: "P2" or "P5", width, height and maxval, separated by white
 * space, then the values row by row.  P2 has decimal numbers.  P5 has one byte per
 * value, or two bytes, the higher first, if maxval exceeds 255.  White space may
 * follow.  '#' begins a comment that ends with its line; comments may be in the header
 * and, in P2, between values. */
#include "data/image/image_file.h"

#include <stdbool.h>

enum { MAXVAL_MAX = 65535, NUMBER_MAX = 1000000 };

static sn_status malformed(const sn_image_file *file, const char *why, sn_error *err)
{
    return ferror(file->stream)
               ? sn_image_read_error(file, err)
               : sn_fail(err, SN_EDATA, "malformed PGM file (%s): %s; get it again",
                         file->path, why);
}

/* Returns the next character; a comment counts as one end of line. */
static int next(FILE *stream)
{
    int c = getc(stream);
    if (c == '#') {
        while (c != '\n' && c != '\r' && c != EOF) {
            c = getc(stream);
        }
    }
    return c;
}

static bool is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Skips white space and reads a decimal number and the character after it, which must
 * be white space or the end of the file.  Returns the number, at most NUMBER_MAX, or -1
 * if the input is not such a number. */
static int64_t read_number(FILE *stream)
{
    int c = next(stream);
    while (is_space(c)) {
        c = next(stream);
    }
    if (c < '0' || c > '9') {
        return -1;
    }
    int64_t number = 0;
    while (c >= '0' && c <= '9') {
        number = 10 * number + c - '0';
        number = number < NUMBER_MAX ? number : NUMBER_MAX;
        c = next(stream);
    }
    return is_space(c) || c == EOF ? number : -1;
}

static uint8_t scale(int64_t value, int64_t maxval)
{
    return (uint8_t)((255 * value + maxval / 2) / maxval);
}

/* Returns whether a file of this length can contain the values.  A value of P2 needs
 * two bytes, white space included, except for the last. */
static bool can_hold(const sn_image_file *file, bool plain, int64_t maxval,
                     uint64_t values)
{
    return plain ? values <= file->bytes / 2 + 1
                 : values * (maxval > 255 ? 2 : 1) <= file->bytes;
}

static sn_status read_plain(const sn_image_file *file, int64_t maxval,
                            sn_images *images, sn_error *err)
{
    for (size_t i = 0; i < images->rows * images->cols; i++) {
        const int64_t value = read_number(file->stream);
        if (value < 0 || value > maxval) {
            return malformed(file,
                             value >= 0           ? "a value exceeds its maximum"
                             : feof(file->stream) ? "it is cut off"
                                                  : "a value is not a number",
                             err);
        }
        images->pixels[i] = scale(value, maxval);
    }
    return SN_OK;
}

static sn_status read_raw(const sn_image_file *file, int64_t maxval, sn_images *images,
                          sn_error *err)
{
    for (size_t i = 0; i < images->rows * images->cols; i++) {
        int64_t value = 0;
        for (int byte = maxval > 255 ? 2 : 1; byte > 0; byte--) {
            const int c = getc(file->stream);
            if (c == EOF) {
                return malformed(file, "it is cut off", err);
            }
            value = 256 * value + c;
        }
        if (value > maxval) {
            return malformed(file, "a value exceeds its maximum", err);
        }
        images->pixels[i] = scale(value, maxval);
    }
    return SN_OK;
}

sn_status sn_image_read_pgm(const sn_image_file *file, sn_images *images, sn_error *err)
{
    (void)getc(file->stream); /* the caller has checked that it is P */
    const int type = getc(file->stream);
    if (type != '2' && type != '5') {
        return sn_fail(err, SN_EDATA,
                       "not a PGM file (%s): its type is P%c, not P2 or P5; convert it "
                       "to PGM or PNG",
                       file->path, type);
    }
    int64_t header[3] = {0}; /* width, height, maxval */
    bool good = is_space(next(file->stream));
    for (int i = 0; good && i < 3; i++) {
        header[i] = read_number(file->stream);
        good = header[i] >= 0;
    }
    if (!good) {
        return malformed(file, "its header lacks width, height or maximum", err);
    }
    const int64_t maxval = header[2];
    if (maxval < 1 || maxval > MAXVAL_MAX) {
        return malformed(file, "its maximum is not 1 to 65535", err);
    }
    const bool plain = type == '2';
    const uint64_t cols = (uint64_t)header[0], rows = (uint64_t)header[1];
    if (!can_hold(file, plain, maxval, rows * cols)) {
        return malformed(
            file, "its header claims more pixels than the file can contain", err);
    }
    sn_status status = sn_image_allocate(file, rows, cols, images, err);
    if (status == SN_OK) {
        status = plain ? read_plain(file, maxval, images, err)
                       : read_raw(file, maxval, images, err);
    }
    if (status != SN_OK) {
        return status;
    }
    int c;
    do { /* editors and shells add an end of line */
        c = plain ? next(file->stream) : getc(file->stream);
    } while (is_space(c));
    return c == EOF && !ferror(file->stream)
               ? SN_OK
               : malformed(file, "bytes follow the pixels", err);
}
