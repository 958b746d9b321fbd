/* SPDX-License-Identifier: BSD-3-Clause */
/** Data sets of images and labels.  The caller owns the memory of the bytes, so that
 *  the ranks of a node can share one copy.  None of these functions is collective. */
#ifndef SHARDNET_DATA_DATASET_H
#define SHARDNET_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/numeric/digest.h"
#include "shardnet/status.h"

typedef enum sn_data_source {
    SN_SOURCE_MNIST,    /* four IDX files, 28 x 28 pixels, ten classes */
    SN_SOURCE_IDX,      /* four IDX files, any image size, at most 256 classes */
    SN_SOURCE_SYNTHETIC /* digits drawn by sn_synth_draw */
} sn_data_source;

/** Specification of a data set, from the configuration. */
typedef struct sn_dataset_spec {
    sn_data_source source;
    char dir[SN_PATH_BYTES]; /* folder of the four files; unused for synthetic */
    size_t train_limit;      /* use only the first train_limit samples; 0 = all */
    size_t validation;       /* number of samples held out at the end of these */
    size_t width;            /* see sn_width_normalize; 0: images stay as they are */
} sn_dataset_spec;

/** Sizes of a data set, from the headers of its files. */
typedef struct sn_dataset_shape {
    size_t train_count; /* in the files, before train_limit and validation */
    size_t test_count;
    size_t rows, cols;
} sn_dataset_shape;

/** A view of count samples: images (count, features) and labels (count), row-major
 *  bytes.  Sample i of the training split is sample i of the training files; the
 *  validation split starts at the end of the training split. */
typedef struct sn_split {
    const uint8_t *images;
    const uint8_t *labels;
    size_t count;
} sn_split;

typedef struct sn_dataset {
    size_t rows, cols, features; /* features = rows * cols */
    size_t classes;
    sn_split train, validation, test;
    char train_digest[SN_DIGEST_TEXT_BYTES]; /* SHA-256 of all training images in the
                                                files, then all training labels */
} sn_dataset;

/** The four file names, without ".gz", in the order training images, training labels,
 *  test images, test labels. */
extern const char *const sn_dataset_file_names[4];

/** Finds file 0 .. 3 of sn_dataset_file_names in dir.  path := dir/NAME, or dir/NAME.gz
 *  if only that exists; *found := whether one of them exists.
 *  Errors: SN_ERANGE if the path is too long. */
sn_status sn_dataset_find_file(const char *dir, int file, char path[SN_PATH_BYTES],
                               bool *found, sn_error *err) SN_MUST_CHECK;

/** Returns true if file 0 .. 3 is missing in dir, but was written under its temporary
 *  name: an import was interrupted. */
bool sn_dataset_is_unfinished(const char *dir, int file);

/** Reads the headers of the four files into *shape.  Checks that each set has as many
 *  labels as images, and that all images have the same size.
 *  Errors: SN_ENOINPUT if a file is missing or unreadable; SN_EDATA; SN_ERANGE;
 *  SN_ECONFIG if images are narrower than width. */
sn_status sn_dataset_probe(const sn_dataset_spec *spec, sn_dataset_shape *shape,
                           sn_error *err) SN_MUST_CHECK;

/** Size of the images that a model was trained on. */
typedef struct sn_image_size {
    size_t rows, cols; /* 0 if unknown */
    bool recorded;     /* true: from the data; false: a square is assumed */
} sn_image_size;

/** Returns the size of the images that a model with features >= 1 inputs was trained
 *  on: 28 x 28 for mnist and synthetic, for idx the size in the files of spec->dir.  If
 *  these are missing or rows * cols is not features, the function assumes a square. */
sn_image_size sn_dataset_image_size(const sn_dataset_spec *spec, size_t features);

/** *classes := the number of classes, as in sn_dataset_view; reads the training labels
 *  if the source is idx.  Errors: SN_ENOINPUT, SN_EDATA, SN_ENOMEM, SN_ERANGE. */
sn_status sn_dataset_classes(const sn_dataset_spec *spec, const sn_dataset_shape *shape,
                             size_t *classes, sn_error *err) SN_MUST_CHECK;

/** Returns the number of training samples after train_limit, validation samples
 *  included. */
size_t sn_dataset_used_count(const sn_dataset_spec *spec,
                             const sn_dataset_shape *shape);

/** Returns the number of training samples after train_limit and validation; 0 if none
 *  are left. */
size_t sn_dataset_train_count(const sn_dataset_spec *spec,
                              const sn_dataset_shape *shape);

/** *bytes := the size of the storage of sn_dataset_fill, (train_count + test_count) *
 *  (rows * cols + 1).  Returns false if it exceeds size_t. */
bool sn_dataset_bytes(const sn_dataset_shape *shape, size_t *bytes) SN_MUST_CHECK;

/** Reads (source synthetic: draws) the data set into storage, in the order of
 *  sn_dataset_file_names.  One rank per node calls it.  Errors: SN_ENOINPUT, SN_ENOMEM,
 *  SN_ERANGE; SN_EDATA if a file is malformed, has changed since sn_dataset_probe or has
 *  a label out of range. */
sn_status sn_dataset_fill(const sn_dataset_spec *spec, const sn_dataset_shape *shape,
                          uint8_t *storage, sn_error *err) SN_MUST_CHECK;

/** Sets dataset to views of storage, which sn_dataset_fill has filled and which must
 *  outlive dataset.  classes is 10 for mnist and synthetic, and for idx the largest
 *  training label + 1, but at least 2.  train_digest := digest; if digest is NULL, the
 *  function computes it from all training bytes, which sn_dataset_normalize must not
 *  have changed.
 *  Errors: SN_ECONFIG if no training samples are left; SN_ENOMEM, SN_EINTERNAL. */
sn_status sn_dataset_view(const sn_dataset_spec *spec, const sn_dataset_shape *shape,
                          const uint8_t *storage, const char *digest,
                          sn_dataset *dataset, sn_error *err) SN_MUST_CHECK;

/** Normalizes the width of all images in storage if spec->width > 0, see
 *  sn_width_normalize.  One rank per node calls it, after sn_dataset_view has computed
 *  the digest.  Errors: SN_ENOMEM. */
sn_status sn_dataset_normalize(const sn_dataset_spec *spec,
                               const sn_dataset_shape *shape, uint8_t *storage,
                               sn_error *err) SN_MUST_CHECK;

#endif
