/* SPDX-License-Identifier: BSD-3-Clause */
/** Readers of labelled images in the forms in which data sets are published.  Each form
 *  has one file source_NAME.c, and sn_source_find lists it.  No function here is
 *  collective. */
#ifndef SHARDNET_DATA_SOURCE_SOURCE_H
#define SHARDNET_DATA_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shardnet/status.h"

enum { SN_SOURCE_CLASSES_MAX = 256 };

/** Labelled images: images (count, rows, cols), labels (count); owned. */
typedef struct sn_samples {
    size_t count, room; /* the arrays have memory for room samples */
    size_t rows, cols;
    uint8_t *images, *labels;
} sn_samples;

/** The files of a data set that a form has found.  IDX uses all four, in the order of
 *  sn_dataset_file_names; other forms use 0 (training) and 2 (test). */
typedef struct sn_source {
    char file[4][SN_PATH_BYTES];
    bool has_test;
    bool transposed; /* the images have rows and columns swapped, as EMNIST's do */
} sn_source;

typedef struct sn_source_form {
    const char *name; /* completes "it has ..." */
    /* Returns true if path, a file or folder, has this form; sets *source, which is
     * zero. */
    bool (*find)(const char *path, sn_source *source);
    /* Reads the training or the test set; the caller clears samples, which are zero.
     * Errors: SN_ENOINPUT, SN_EDATA, SN_ENOMEM, SN_ERANGE. */
    sn_status (*read)(const sn_source *source, bool test, sn_samples *samples,
                      sn_error *err);
    /* Prints a line for each class that has a name: its label and the name.  NULL if the
     * files of the form contain the labels. */
    void (*print_classes)(FILE *out, const sn_source *source);
} sn_source_form;

extern const sn_source_form sn_source_idx, sn_source_npz, sn_source_csv,
    sn_source_pictures;

/** Returns the form of path and sets *source, or NULL if no form matches. */
const sn_source_form *sn_source_find(const char *path, sn_source *source);

/** Makes room for count samples of samples->rows x samples->cols in all.  path names
 *  the input in the message.  Errors: SN_ENOMEM. */
sn_status sn_samples_reserve(sn_samples *samples, size_t count, const char *path,
                             sn_error *err) SN_MUST_CHECK;

/** Frees the memory of samples and sets them to zero. */
void sn_samples_clear(sn_samples *samples);

/** Returns true if name ends in suffix or in suffix.gz. */
bool sn_source_ends(const char *name, const char *suffix);

/** names := the entries of folder, sorted by their bytes, without hidden files and
 *  those that Windows and macOS add (Thumbs.db, desktop.ini, __MACOSX); the caller calls
 *  sn_source_free_names.  Errors: SN_ENOINPUT, SN_ENOMEM. */
sn_status sn_source_list(const char *folder, char ***names, size_t *count,
                         sn_error *err) SN_MUST_CHECK;
void sn_source_free_names(char **names, size_t count);

#endif
