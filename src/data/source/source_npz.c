/* SPDX-License-Identifier: BSD-3-Clause */
/* mnist.npz as Keras has it: a zip archive with the arrays x_train, y_train, x_test and
 * y_test in NumPy's format NPY, versions 1 and 2.  Elements are unsigned bytes, labels
 * also little-endian integers of 4 or 8 bytes, in C order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/system/file.h"
#include "data/formats/gunzip.h"
#include "data/source/source.h"

#ifdef SHARDNET_ZIP
#include <zip.h>
#endif

static bool find(const char *path, sn_source *source)
{
    source->has_test = true;
    return !sn_is_folder(path) && sn_file_exists(path) && strlen(path) > 4 &&
           strcmp(path + strlen(path) - 4, ".npz") == 0 &&
           sn_path_format(source->file[0], NULL, "%s", path) == SN_OK;
}

#ifdef SHARDNET_ZIP

enum {
    HEADER_MAX = 4096,
    MAGIC_BYTES = 6,
    DIMENSIONS_MAX = 3,
    WIDTH_MAX = 8,
    SIZE_MOST = 1 << 30
};

typedef struct array {
    const char *path, *name;
    uint64_t file_bytes; /* length of the archive */
    zip_file_t *file;
    int width, dimensions;
    size_t size[DIMENSIONS_MAX];
    sn_error *err;
} array;

static sn_status malformed(const array *a, const char *why)
{
    return sn_fail(a->err, SN_EDATA, "malformed NPZ file (%s): %s: %s; get it again",
                   a->path, a->name, why);
}

static bool read_all(const array *a, void *buffer, size_t bytes)
{
    uint8_t *next = buffer;
    while (bytes > 0) {
        const zip_int64_t got = zip_fread(a->file, next, bytes);
        if (got <= 0) {
            return false;
        }
        next += got;
        bytes -= (size_t)got;
    }
    return true;
}

/* Parses the text of the header, a Python dictionary. */
static sn_status parse_header(array *a, const char *text)
{
    static const char key[] = "'descr': '";
    const char *descr = strstr(text, key), *shape = strstr(text, "'shape': (");
    if (descr == NULL || shape == NULL || strlen(descr) < sizeof key + 3) {
        return malformed(a, "its header is not that of an array");
    }
    /* such as <i8: the order of the bytes, the kind, the number of bytes */
    const char order = descr[sizeof key - 1], kind = descr[sizeof key];
    a->width = descr[sizeof key + 1] - '0';
    if (strstr(text, "'fortran_order': False") == NULL) {
        return malformed(a, "its order is not C");
    }
    if (order == '>' || descr[sizeof key + 2] != '\'' ||
        (kind != 'u' && (kind != 'i' || a->width == 1)) ||
        (a->width != 1 && a->width != 4 && a->width != WIDTH_MAX)) {
        return malformed(a, "its elements are not bytes or little-endian integers");
    }
    char *at = strchr(shape, '(') + 1;
    for (a->dimensions = 0; a->dimensions < DIMENSIONS_MAX && *at >= '0' && *at <= '9';
         a->dimensions++) {
        const unsigned long long size = strtoull(at, &at, 10);
        a->size[a->dimensions] = size < SIZE_MOST ? (size_t)size : SIZE_MOST;
        at += strspn(at, ", ");
    }
    return *at == ')' ? SN_OK : malformed(a, "its shape is not supported");
}

static sn_status read_header(array *a)
{
    uint8_t start[MAGIC_BYTES + 6];
    char text[HEADER_MAX + 1];
    if (!read_all(a, start, MAGIC_BYTES + 4) || memcmp(start, "\x93NUMPY", 6) != 0 ||
        (start[6] != 1 && start[6] != 2)) {
        return malformed(a, "it is not in the format NPY, version 1 or 2");
    }
    size_t length = (size_t)start[8] | (size_t)start[9] << 8;
    if (start[6] == 2) {
        if (!read_all(a, start + 10, 2) || start[10] != 0 || start[11] != 0) {
            return malformed(a, "its header is too long");
        }
    }
    length = length < HEADER_MAX ? length : HEADER_MAX;
    if (!read_all(a, text, length)) {
        return malformed(a, "its header is cut off");
    }
    text[length] = '\0';
    return parse_header(a, text);
}

/* Opens the array and reads its header; the caller closes array->file. */
static sn_status array_open(array *a, zip_t *archive, const char *name, int dimensions)
{
    a->name = name;
    a->file = zip_fopen(archive, name, 0);
    if (a->file == NULL) {
        return malformed(a, zip_strerror(archive));
    }
    sn_status status = read_header(a);
    if (status == SN_OK && a->dimensions != dimensions) {
        status = malformed(a, "it has the wrong number of dimensions");
    }
    return status;
}

/* The end of the array must be the end of its file; reading it checks the checksum. */
static sn_status expect_end(const array *a)
{
    char extra;
    return zip_fread(a->file, &extra, 1) == 0
               ? SN_OK
               : malformed(a, "bytes follow, or its checksum is wrong");
}

static sn_status read_images(array *a, sn_samples *samples)
{
    if (a->width != 1 || a->size[0] < 1 || a->size[1] < 1 || a->size[2] < 1) {
        return malformed(a, "its elements are not bytes, or it is empty");
    }
    size_t pixels, bytes;
    if (!sn_size_multiply(a->size[1], a->size[2], &pixels) ||
        !sn_size_multiply(a->size[0], pixels, &bytes) ||
        bytes / SN_DEFLATE_RATIO_MAX > a->file_bytes) {
        return malformed(a, "it claims more bytes than the archive can contain");
    }
    samples->rows = a->size[1];
    samples->cols = a->size[2];
    sn_status status = sn_samples_reserve(samples, a->size[0], a->path, a->err);
    if (status != SN_OK) {
        return status;
    }
    samples->count = a->size[0];
    return read_all(a, samples->images, bytes)
               ? expect_end(a)
               : malformed(a, "it is cut off or damaged");
}

static sn_status read_labels(array *a, sn_samples *samples)
{
    uint8_t value[WIDTH_MAX];
    if (a->size[0] != samples->count) {
        return malformed(a, "the number of labels differs from the number of images");
    }
    for (size_t i = 0; i < samples->count; i++) {
        if (!read_all(a, value, (size_t)a->width)) {
            return malformed(a, "it is cut off or damaged");
        }
        for (int k = 1; k < a->width; k++) {
            if (value[k] != 0) {
                return sn_fail(a->err, SN_EDATA,
                               "label out of range (%s): %s: row %zu is not 0 to 255; "
                               "check the file",
                               a->path, a->name, i);
            }
        }
        samples->labels[i] = value[0];
    }
    return expect_end(a);
}

static sn_status read(const sn_source *source, bool test, sn_samples *samples,
                      sn_error *err)
{
    const char *path = source->file[0];
    int reason;
    array a = {.path = path, .err = err};
    FILE *file;
    sn_status status = sn_file_open(path, "an NPZ file", &file, &a.file_bytes, err);
    if (status != SN_OK) {
        return status;
    }
    (void)fclose(file);
    zip_t *archive = zip_open(path, ZIP_RDONLY, &reason);
    if (archive == NULL) {
        zip_error_t why;
        zip_error_init_with_code(&why, reason);
        status = sn_fail(err, SN_EDATA, "cannot read NPZ file (%s): %s; get it again",
                         path, zip_error_strerror(&why));
        zip_error_fini(&why);
        return status;
    }
    status = array_open(&a, archive, test ? "x_test.npy" : "x_train.npy", 3);
    if (status == SN_OK) {
        status = read_images(&a, samples);
    }
    if (a.file != NULL) {
        (void)zip_fclose(a.file);
    }
    if (status == SN_OK) {
        status = array_open(&a, archive, test ? "y_test.npy" : "y_train.npy", 1);
        if (status == SN_OK) {
            status = read_labels(&a, samples);
        }
        if (a.file != NULL) {
            (void)zip_fclose(a.file);
        }
    }
    zip_discard(archive);
    return status;
}

#else

static sn_status read(const sn_source *source, bool test, sn_samples *samples,
                      sn_error *err)
{
    (void)test;
    (void)samples;
    return sn_fail(err, SN_ENOINPUT,
                   "cannot read NPZ files (%s): this build has no libzip; install it "
                   "(Debian: libzip-dev; Spack, EasyBuild: libzip) and build again",
                   source->file[0]);
}

#endif

const sn_source_form sn_source_npz = {"an NPZ archive", find, read, NULL};
