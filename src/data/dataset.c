/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/dataset.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/system/file.h"
#include "data/formats/idx.h"
#include "data/synth.h"
#include "data/width.h"

enum { TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS, FILES };

enum { MNIST_ROWS = 28, MNIST_COLS = 28, MNIST_CLASSES = 10, CLASSES_MAX = 256 };

const char *const sn_dataset_file_names[FILES] = {
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte"};

#define HOW_TO_GET_DATA                                                                  \
    "get MNIST with `shardnet data fetch DIR`, name its folder with --set data.dir=DIR " \
    "or, if data.dir is not set, in SHARDNET_DATA, or set data.source = synthetic"

static int dimensions_of(int file)
{
    return file == TRAIN_IMAGES || file == TEST_IMAGES ? 3 : 1;
}

sn_status sn_dataset_find_file(const char *dir, int file, char path[SN_PATH_BYTES],
                               bool *found, sn_error *err)
{
    char packed[SN_PATH_BYTES];
    sn_status status = sn_path_join(path, dir, sn_dataset_file_names[file], err);
    if (status == SN_OK) {
        status = sn_path_format(packed, err, "%s.gz", path);
    }
    *found = status == SN_OK && (sn_file_exists(path) || sn_file_exists(packed));
    return *found && !sn_file_exists(path) ? sn_path_format(path, err, "%s", packed)
                                           : status;
}

bool sn_dataset_is_unfinished(const char *dir, int file)
{
    char path[SN_PATH_BYTES], temporary[SN_PATH_BYTES];
    bool found;
    return sn_dataset_find_file(dir, file, path, &found, NULL) == SN_OK && !found &&
           sn_path_temporary(temporary, path, NULL) == SN_OK &&
           sn_file_exists(temporary);
}

static sn_status find_file(const char *dir, int file, char path[SN_PATH_BYTES],
                           sn_error *err)
{
    bool found;
    const char *name = sn_dataset_file_names[file];
    const sn_status status = sn_dataset_find_file(dir, file, path, &found, err);
    if (status == SN_OK && !found && sn_dataset_is_unfinished(dir, file)) {
        return sn_fail(err, SN_ENOINPUT,
                       "unfinished data set (%s/%s" SN_TEMPORARY_SUFFIX
                       "): an import was interrupted; run `shardnet data import` again",
                       dir, name);
    }
    return status != SN_OK || found
               ? status
               : sn_fail(
                     err, SN_ENOINPUT,
                     "no data file (%s/%s): it and %s.gz are missing; " HOW_TO_GET_DATA,
                     dir, name, name);
}

static sn_status find_folder(const char *dir, sn_error *err)
{
    if (dir[0] == '\0') {
        return sn_fail(err, SN_ENOINPUT,
                       "no data folder (data.dir): it is not set; " HOW_TO_GET_DATA);
    }
    if (!sn_is_folder(dir)) {
        return sn_fail(
            err, SN_ENOINPUT, "no data folder (%s): %s; " HOW_TO_GET_DATA, dir,
            sn_file_exists(dir) ? "it is not a folder" : "it does not exist");
    }
    if (access(dir, X_OK) != 0) {
        return sn_fail(err, SN_ENOINPUT, "cannot read data folder (%s): %s", dir,
                       strerror(errno));
    }
    return SN_OK;
}

static sn_status check_headers(const sn_dataset_spec *spec,
                               const sn_idx_header header[FILES], sn_error *err)
{
    const size_t *train = header[TRAIN_IMAGES].size, *test = header[TEST_IMAGES].size;
    for (int images = 0; images < FILES; images += 2) {
        if (header[images].size[0] != header[images + 1].size[0]) {
            return sn_fail(
                err, SN_EDATA,
                "data files do not match (%s): %s has %zu images, %s has %zu labels; "
                "get all files from one source",
                spec->dir, sn_dataset_file_names[images], header[images].size[0],
                sn_dataset_file_names[images + 1], header[images + 1].size[0]);
        }
    }
    if (train[1] != test[1] || train[2] != test[2]) {
        return sn_fail(err, SN_EDATA,
                       "data files do not match (%s): training images are %zu x %zu, "
                       "test images are %zu x %zu; get all files from one source",
                       spec->dir, train[1], train[2], test[1], test[2]);
    }
    if (spec->source == SN_SOURCE_MNIST &&
        (train[1] != MNIST_ROWS || train[2] != MNIST_COLS)) {
        return sn_fail(err, SN_EDATA,
                       "not MNIST (%s): images are %zu x %zu, not 28 x 28; set "
                       "data.source = idx for other data",
                       spec->dir, train[1], train[2]);
    }
    return SN_OK;
}

static sn_status probe(const sn_dataset_spec *spec, sn_dataset_shape *shape,
                       sn_error *err)
{
    if (spec->source == SN_SOURCE_SYNTHETIC) {
        *shape = (sn_dataset_shape){SN_SYNTH_TRAIN_COUNT, SN_SYNTH_TEST_COUNT,
                                    SN_SYNTH_ROWS, SN_SYNTH_COLS};
        return SN_OK;
    }
    sn_status status = find_folder(spec->dir, err);
    char path[SN_PATH_BYTES];
    sn_idx_header header[FILES];
    for (int file = 0; status == SN_OK && file < FILES; file++) {
        status = find_file(spec->dir, file, path, err);
        if (status == SN_OK) {
            status = sn_idx_read_header(path, dimensions_of(file), &header[file], err);
        }
    }
    if (status == SN_OK) {
        status = check_headers(spec, header, err);
    }
    if (status == SN_OK) {
        const size_t *size = header[TRAIN_IMAGES].size;
        *shape =
            (sn_dataset_shape){size[0], header[TEST_IMAGES].size[0], size[1], size[2]};
    }
    return status;
}

sn_status sn_dataset_probe(const sn_dataset_spec *spec, sn_dataset_shape *shape,
                           sn_error *err)
{
    const sn_status status = probe(spec, shape, err);
    return status != SN_OK || spec->width <= shape->cols
               ? status
               : sn_fail(err, SN_ECONFIG,
                         "images too narrow (data.width = %zu): they have %zu columns; "
                         "use a smaller width, or 0",
                         spec->width, shape->cols);
}

sn_image_size sn_dataset_image_size(const sn_dataset_spec *spec, size_t features)
{
    sn_dataset_shape shape = {.rows = MNIST_ROWS, .cols = MNIST_COLS};
    sn_error why;
    size_t pixels;
    const bool found =
        spec->source != SN_SOURCE_IDX || probe(spec, &shape, &why) == SN_OK;
    if (found && sn_size_multiply(shape.rows, shape.cols, &pixels) &&
        pixels == features) {
        return (sn_image_size){shape.rows, shape.cols, true};
    }
    const size_t side = (size_t)lround(sqrt((double)features));
    return side * side == features ? (sn_image_size){side, side, false}
                                   : (sn_image_size){0, 0, false};
}

bool sn_dataset_bytes(const sn_dataset_shape *shape, size_t *bytes)
{
    size_t features;
    if (!sn_size_multiply(shape->rows, shape->cols, &features) ||
        features == SIZE_MAX || shape->train_count > SIZE_MAX - shape->test_count) {
        return false;
    }
    return sn_size_multiply(shape->train_count + shape->test_count, features + 1,
                            bytes);
}

/* Returns the largest label + 1, but at least 2: one class leaves nothing to learn. */
static size_t count_classes(const uint8_t *labels, size_t count)
{
    uint8_t largest = 1;
    for (size_t i = 0; i < count; i++) {
        largest = labels[i] > largest ? labels[i] : largest;
    }
    return (size_t)largest + 1;
}

static sn_status check_labels(const sn_dataset_spec *spec, const char *path,
                              const uint8_t *labels, size_t count, size_t classes,
                              sn_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (labels[i] >= classes && spec->source == SN_SOURCE_MNIST) {
            return sn_fail(err, SN_EDATA,
                           "label out of range (%s): sample %zu has label %u, so that "
                           "this is not MNIST; set data.source = idx for other data",
                           path, i, labels[i]);
        }
        if (labels[i] >= classes) {
            return sn_fail(
                err, SN_EDATA,
                "label out of range (%s): sample %zu has label %u, but there "
                "are %zu classes, 0 to %zu; check the file",
                path, i, labels[i], classes, classes - 1);
        }
    }
    return SN_OK;
}

/* Reads one of the four files; its header must still have the sizes of shape. */
static sn_status fill_file(const char *path, int file, const sn_dataset_shape *shape,
                           uint8_t *storage, sn_error *err)
{
    sn_idx_header header = {
        .dimensions = dimensions_of(file),
        .size = {file < TEST_IMAGES ? shape->train_count : shape->test_count}};
    header.payload_bytes = header.size[0];
    if (header.dimensions == 3) {
        header.size[1] = shape->rows;
        header.size[2] = shape->cols;
        header.payload_bytes *= shape->rows * shape->cols;
    }
    return sn_idx_read_payload(path, &header, storage, err);
}

size_t sn_dataset_used_count(const sn_dataset_spec *spec, const sn_dataset_shape *shape)
{
    const size_t limit = spec->train_limit;
    return limit > 0 && limit < shape->train_count ? limit : shape->train_count;
}

sn_status sn_dataset_classes(const sn_dataset_spec *spec, const sn_dataset_shape *shape,
                             size_t *classes, sn_error *err)
{
    *classes = MNIST_CLASSES;
    if (spec->source != SN_SOURCE_IDX) {
        return SN_OK;
    }
    char path[SN_PATH_BYTES];
    sn_status status = find_file(spec->dir, TRAIN_LABELS, path, err);
    uint8_t *labels = sn_alloc(shape->train_count, 1);
    if (status == SN_OK && labels == NULL) {
        status = sn_fail(err, SN_ENOMEM, "labels (%s): out of memory", path);
    }
    if (status == SN_OK) {
        status = fill_file(path, TRAIN_LABELS, shape, labels, err);
    }
    if (status == SN_OK) {
        *classes = count_classes(labels, shape->train_count);
    }
    free(labels);
    return status;
}

size_t sn_dataset_train_count(const sn_dataset_spec *spec,
                              const sn_dataset_shape *shape)
{
    const size_t used = sn_dataset_used_count(spec, shape);
    return spec->validation < used ? used - spec->validation : 0;
}

sn_status sn_dataset_fill(const sn_dataset_spec *spec, const sn_dataset_shape *shape,
                          uint8_t *storage, sn_error *err)
{
    const size_t features = shape->rows * shape->cols;
    const size_t bytes[FILES] = {shape->train_count * features, shape->train_count,
                                 shape->test_count * features, shape->test_count};
    if (spec->source == SN_SOURCE_SYNTHETIC) {
        uint8_t *test = storage + bytes[TRAIN_IMAGES] + bytes[TRAIN_LABELS];
        memset(storage, 0, bytes[TRAIN_IMAGES] + bytes[TRAIN_LABELS]);
        sn_synth_draw(SN_SYNTH_SEED, 0, sn_dataset_used_count(spec, shape), storage,
                      storage + bytes[TRAIN_IMAGES]);
        sn_synth_draw(SN_SYNTH_SEED, shape->train_count, shape->test_count, test,
                      test + bytes[TEST_IMAGES]);
        return SN_OK;
    }
    size_t classes = spec->source == SN_SOURCE_MNIST ? MNIST_CLASSES : CLASSES_MAX;
    for (int file = 0; file < FILES; file++) {
        char path[SN_PATH_BYTES];
        sn_status status = find_file(spec->dir, file, path, err);
        if (status == SN_OK) {
            status = fill_file(path, file, shape, storage, err);
        }
        if (status == SN_OK && dimensions_of(file) == 1) {
            status = check_labels(spec, path, storage, bytes[file], classes, err);
        }
        if (status != SN_OK) {
            return status;
        }
        if (file == TRAIN_LABELS && spec->source == SN_SOURCE_IDX) {
            classes = count_classes(storage, bytes[file]);
        }
        storage += bytes[file];
    }
    return SN_OK;
}

static sn_status normalize(size_t width, const sn_dataset_shape *shape, size_t count,
                           uint8_t *images, sn_error *err)
{
    const size_t features = shape->rows * shape->cols;
    uint8_t *original = sn_alloc(features, 1);
    if (original == NULL) {
        return sn_fail(err, SN_ENOMEM, "data set: out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t *image = images + i * features;
        memcpy(original, image, features);
        sn_width_normalize(shape->rows, shape->cols, width, original, image);
    }
    free(original);
    return SN_OK;
}

sn_status sn_dataset_normalize(const sn_dataset_spec *spec,
                               const sn_dataset_shape *shape, uint8_t *storage,
                               sn_error *err)
{
    const size_t features = shape->rows * shape->cols;
    uint8_t *test = storage + shape->train_count * (features + 1);
    if (spec->width == 0) {
        return SN_OK;
    }
    const sn_status status =
        normalize(spec->width, shape, shape->train_count, storage, err);
    return status == SN_OK ? normalize(spec->width, shape, shape->test_count, test, err)
                           : status;
}

sn_status sn_dataset_view(const sn_dataset_spec *spec, const sn_dataset_shape *shape,
                          const uint8_t *storage, const char *digest,
                          sn_dataset *dataset, sn_error *err)
{
    const size_t used = sn_dataset_used_count(spec, shape);
    if (spec->validation >= used) {
        return sn_fail(
            err, SN_ECONFIG,
            "nothing left to train on (data.validation): it holds out %zu of "
            "%zu training samples; make it smaller",
            spec->validation, used);
    }
    const size_t features = shape->rows * shape->cols;
    const size_t training = sn_dataset_train_count(spec, shape);
    const uint8_t *labels = storage + shape->train_count * features;
    const uint8_t *test = labels + shape->train_count;
    *dataset = (sn_dataset){
        .rows = shape->rows,
        .cols = shape->cols,
        .features = features,
        .classes = spec->source == SN_SOURCE_IDX
                       ? count_classes(labels, shape->train_count)
                       : MNIST_CLASSES,
        .train = {storage, labels, training},
        .validation = {storage + training * features, labels + training,
                       spec->validation},
        .test = {test, test + shape->test_count * features, shape->test_count}};
    if (digest != NULL) {
        snprintf(dataset->train_digest, sizeof dataset->train_digest, "%s", digest);
        return SN_OK;
    }
    return sn_digest_buffer(storage, shape->train_count * (features + 1),
                            dataset->train_digest, err);
}
