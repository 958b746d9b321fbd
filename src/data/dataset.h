/* SPDX-License-Identifier: BSD-3-Clause */
/** A data set of images and labels, held as bytes in memory that the caller owns, so
 *  that the ranks of a node can share one copy. */
#ifndef SHARDNET_DATA_DATASET_H
#define SHARDNET_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/file.h"
#include "shardnet/status.h"

typedef enum sn_data_source {
    SN_SOURCE_MNIST,    /* four IDX files, 28 x 28, ten classes */
    SN_SOURCE_IDX,      /* four IDX files, any size, any number of classes to 256 */
    SN_SOURCE_SYNTHETIC /* procedural digits made in memory; not MNIST */
} sn_data_source;

/** What to load. */
typedef struct sn_dataset_spec {
    sn_data_source source;
    char dir[SN_PATH_BYTES]; /* folder of the four files; unused for synthetic */
    size_t train_limit;      /* use only the first train_limit samples; 0 = all */
    size_t validation;       /* held out of the end of what is used */
} sn_dataset_spec;

/** Sizes, known before anything large is read. */
typedef struct sn_dataset_shape {
    size_t train_count; /* in the files, before train_limit and validation */
    size_t test_count;
    size_t rows, cols;
} sn_dataset_shape;

/** A view of count samples: images (count, features) and labels (count), row-major
 *  bytes.  Sample i of the training split is number i of the training files, whatever
 *  is held out; validation begins where it ends. */
typedef struct sn_split {
    const uint8_t *images;
    const uint8_t *labels;
    size_t count;
} sn_split;

typedef struct sn_dataset {
    size_t rows, cols, features; /* features = rows * cols */
    size_t classes;
    sn_split train, validation, test;
    char train_digest[SN_DIGEST_TEXT_BYTES]; /* SHA-256: all training images, labels */
} sn_dataset;

/** The four file names, without ".gz", in the order train images, train labels, test
 *  images, test labels. */
extern const char *const sn_dataset_file_names[4];

/** path = dir/NAME of one of the four files (0 .. 3) or, where only that exists,
 *  NAME.gz.  *found is false, and path dir/NAME, where neither exists.  SN_ERANGE. */
sn_status sn_dataset_find_file(const char *dir, int file, char path[SN_PATH_BYTES],
                               bool *found, sn_error *err) SN_MUST_CHECK;

/** Reads headers only (plain file preferred, then NAME.gz), checks that images and
 *  labels agree in number, and that both sets have one image size.  Not collective.
 *  SN_ENOINPUT names the missing file and says how to get the data; SN_EDATA. */
sn_status sn_dataset_probe(const sn_dataset_spec *spec, sn_dataset_shape *shape,
                           sn_error *err) SN_MUST_CHECK;

/** Rows and columns of a model's images. */
typedef struct sn_image_size {
    size_t rows, cols; /* 0 where unknown */
    bool recorded;     /* from the data; false for a square that was assumed */
} sn_image_size;

/** The size of the images that a model of features (at least 1) inputs was trained on:
 *  28 x 28 for mnist and synthetic, for idx the size in the files of spec->dir.  Where
 *  they are missing or do not fit, a square, if features is one.  Not collective. */
sn_image_size sn_dataset_image_size(const sn_dataset_spec *spec, size_t features);

/** Classes, as sn_dataset_view counts them: for idx the training labels are read.  Not
 *  collective.  SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_dataset_classes(const sn_dataset_spec *spec, const sn_dataset_shape *shape,
                             size_t *classes, sn_error *err) SN_MUST_CHECK;

/** Samples to train on after train_limit and validation; 0 where none are left. */
size_t sn_dataset_train_count(const sn_dataset_spec *spec,
                              const sn_dataset_shape *shape);

/** Bytes that sn_dataset_fill needs: (train + test) * (rows * cols + 1).
 *  False when that exceeds size_t. */
bool sn_dataset_bytes(const sn_dataset_shape *shape, size_t *bytes) SN_MUST_CHECK;

/** Reads (or draws) images and labels into storage, laid out as train images, train
 *  labels, test images, test labels.  Not collective: one rank of a node calls it.
 *  SN_ENOINPUT, SN_EDATA (a file changed since the probe, label out of range). */
sn_status sn_dataset_fill(const sn_dataset_spec *spec, const sn_dataset_shape *shape,
                          uint8_t *storage, sn_error *err) SN_MUST_CHECK;

/** Makes the views over filled storage, which must outlive dataset; counts classes
 *  (10 for mnist and synthetic; largest training label + 1, at least 2, for idx),
 *  applies train_limit (all samples when it exceeds them) and validation.  When digest
 * is not NULL it is copied into train_digest, else the digest is computed (hashes the
 * training bytes). SN_ECONFIG when validation leaves nothing to train on. */
sn_status sn_dataset_view(const sn_dataset_spec *spec, const sn_dataset_shape *shape,
                          const uint8_t *storage, const char *digest,
                          sn_dataset *dataset, sn_error *err) SN_MUST_CHECK;

#endif
