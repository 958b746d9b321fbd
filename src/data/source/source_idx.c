/* SPDX-License-Identifier: BSD-3-Clause */
/* IDX files under the names of MNIST (with dots or without), EMNIST and QMNIST.
 * QMNIST's labels are tables of big-endian int32, (count, 8); column 0 is the class. */
#include <stdio.h>
#include <string.h>

#include "base/system/file.h"
#include "data/formats/gunzip.h"
#include "data/formats/idx.h"
#include "data/source/source.h"

enum { TYPE_INT = 0x0c, COLUMNS_MAX = 64, INT_BYTES = 4 };

/* Returns the index of the file in sn_dataset_file_names, or -1. */
static int role_of(const char *name)
{
    const bool images =
        strstr(name, "images") != NULL && (sn_source_ends(name, "idx3-ubyte"));
    const bool labels =
        strstr(name, "labels") != NULL &&
        (sn_source_ends(name, "idx1-ubyte") || sn_source_ends(name, "idx2-int"));
    const bool train = strstr(name, "train") != NULL;
    const bool test = strstr(name, "t10k") != NULL || strstr(name, "test") != NULL;
    if (images == labels || train == test) {
        return -1;
    }
    return (test ? 2 : 0) + (labels ? 1 : 0);
}

/* A path that is no folder is the beginning of the names: gzip/emnist-letters. */
static bool find(const char *path, sn_source *source)
{
    char folder[SN_PATH_BYTES];
    const char *prefix = "";
    char **names;
    size_t count;
    sn_error ignored;
    if (strlen(path) >= sizeof folder) {
        return false;
    }
    (void)snprintf(folder, sizeof folder, "%s", path);
    if (!sn_is_folder(path)) {
        const char *slash = strrchr(path, '/');
        prefix = slash == NULL ? path : slash + 1;
        sn_path_parent(folder, path);
    }
    if (sn_source_list(folder, &names, &count, &ignored) != SN_OK) {
        return false;
    }
    bool good = true;
    for (size_t i = 0; good && i < count; i++) {
        const int role = role_of(names[i]);
        if (role < 0 || strncmp(names[i], prefix, strlen(prefix)) != 0) {
            continue;
        }
        char *file = source->file[role];
        /* NAME comes before NAME.gz and is used */
        if (file[0] == '\0') {
            good = sn_path_join(file, folder, names[i], &ignored) == SN_OK;
            source->transposed = strncmp(names[i], "emnist", 6) == 0;
        } else if (!sn_source_ends(names[i], strrchr(file, '/') + 1)) {
            good = false; /* several data sets: a prefix must select one */
        }
    }
    sn_source_free_names(names, count);
    source->has_test = source->file[2][0] != '\0' && source->file[3][0] != '\0';
    return good && source->file[0][0] != '\0' && source->file[1][0] != '\0';
}

static uint32_t number_at(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
           (uint32_t)b[3];
}

/* Reads column 0 of the rows after the header. */
static sn_status read_rows(sn_gunzip *from, size_t count, size_t columns,
                           uint8_t *labels, sn_error *err)
{
    uint8_t row[COLUMNS_MAX * INT_BYTES];
    const size_t bytes = columns * INT_BYTES;
    size_t got;
    for (size_t i = 0; i <= count; i++) {
        const sn_status status = sn_gunzip_read(from, row, bytes, &got, err);
        if (status != SN_OK) {
            return status;
        }
        if (got != (i < count ? bytes : 0)) {
            return sn_fail(err, SN_EDATA,
                           "malformed IDX file (%s): row %zu: %s; get the file again",
                           from->path, i,
                           i < count ? "it is cut off" : "further bytes follow");
        }
        if (i < count) {
            const uint32_t label = number_at(row);
            if (label >= SN_SOURCE_CLASSES_MAX) {
                return sn_fail(err, SN_EDATA,
                               "label out of range (%s): row %zu has label %ld, not 0 "
                               "to 255; check the file",
                               from->path, i, (long)(int32_t)label);
            }
            labels[i] = (uint8_t)label;
        }
    }
    return SN_OK;
}

static sn_status no_match(const char *path, size_t labels, size_t images, sn_error *err)
{
    return sn_fail(
        err, SN_EDATA,
        "data files do not match (%s): it has %zu labels for %zu images; get "
        "all files from one source",
        path, labels, images);
}

static sn_status read_table(sn_gunzip *from, int dimensions, size_t count,
                            uint8_t *labels, sn_error *err)
{
    uint8_t sizes[2 * INT_BYTES];
    const size_t wanted = (size_t)dimensions * INT_BYTES;
    size_t got = 0;
    sn_status status = sn_gunzip_read(from, sizes, wanted, &got, err);
    if (status != SN_OK) {
        return status;
    }
    const size_t columns = got < wanted      ? 0
                           : dimensions == 2 ? number_at(sizes + INT_BYTES)
                                             : 1;
    if (columns < 1 || columns > COLUMNS_MAX) {
        return sn_fail(err, SN_EDATA,
                       "malformed IDX file (%s): its header is cut off, or the number "
                       "of columns is not 1 to %d; get the file again",
                       from->path, COLUMNS_MAX);
    }
    return number_at(sizes) == count
               ? read_rows(from, count, columns, labels, err)
               : no_match(from->path, number_at(sizes), count, err);
}

static sn_status read_bytes(const char *path, size_t count, uint8_t *labels,
                            sn_error *err)
{
    sn_idx_header header;
    const sn_status status = sn_idx_read_header(path, 1, &header, err);
    if (status != SN_OK) {
        return status;
    }
    return header.size[0] == count ? sn_idx_read_payload(path, &header, labels, err)
                                   : no_match(path, header.size[0], count, err);
}

static sn_status read_labels(const char *path, size_t count, uint8_t *labels,
                             sn_error *err)
{
    sn_gunzip from;
    uint8_t magic[4] = {0};
    size_t got;
    sn_status status = sn_gunzip_open(&from, path, "an IDX file", err);
    if (status != SN_OK) {
        return status;
    }
    status = sn_gunzip_read(&from, magic, sizeof magic, &got, err);
    const bool table = magic[0] == 0 && magic[1] == 0 && magic[2] == TYPE_INT &&
                       (magic[3] == 1 || magic[3] == 2);
    if (status == SN_OK && table) {
        status = read_table(&from, magic[3], count, labels, err);
    }
    sn_gunzip_close(&from);
    return status == SN_OK && !table ? read_bytes(path, count, labels, err) : status;
}

static sn_status read(const sn_source *source, bool test, sn_samples *samples,
                      sn_error *err)
{
    const char *images = source->file[test ? 2 : 0];
    sn_idx_header header;
    sn_status status = sn_idx_read_header(images, 3, &header, err);
    if (status == SN_OK) {
        samples->rows = header.size[1];
        samples->cols = header.size[2];
        status = sn_samples_reserve(samples, header.size[0], images, err);
    }
    if (status == SN_OK) {
        samples->count = header.size[0];
        status = sn_idx_read_payload(images, &header, samples->images, err);
    }
    return status == SN_OK ? read_labels(source->file[test ? 3 : 1], samples->count,
                                         samples->labels, err)
                           : status;
}

const sn_source_form sn_source_idx = {"IDX files", find, read, NULL};
