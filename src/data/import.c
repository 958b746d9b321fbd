/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/system/file.h"
#include "base/text/shell.h"
#include "data/dataset.h"
#include "data/formats/idx.h"
#include "data/source/source.h"

enum { FILES = 4, EXPLAIN_BYTES = 256 };

static sn_status transpose(sn_samples *samples, sn_error *err)
{
    const size_t rows = samples->rows, cols = samples->cols;
    uint8_t *image = sn_alloc(rows, cols);
    if (image == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (image of %zu x %zu)", rows,
                       cols);
    }
    for (size_t i = 0; i < samples->count; i++) {
        uint8_t *pixels = samples->images + i * rows * cols;
        memcpy(image, pixels, rows * cols);
        for (size_t r = 0; r < rows; r++) {
            for (size_t c = 0; c < cols; c++) {
                pixels[c * rows + r] = image[r * cols + c];
            }
        }
    }
    samples->rows = cols;
    samples->cols = rows;
    free(image);
    return SN_OK;
}

/* Moves sample i of from to the end of to, which has room. */
static void move(const sn_samples *from, size_t i, sn_samples *to)
{
    const size_t pixels = from->rows * from->cols;
    memmove(to->images + to->count * pixels, from->images + i * pixels, pixels);
    to->labels[to->count++] = from->labels[i];
}

/* Moves a fraction of each class, spread evenly, from train to test, which is empty. */
static sn_status split(const char *source, double fraction, sn_samples *train,
                       sn_samples *test, sn_error *err)
{
    size_t seen[SN_SOURCE_CLASSES_MAX] = {0};
    const sn_samples all = *train;
    test->rows = train->rows;
    test->cols = train->cols;
    const sn_status status = sn_samples_reserve(test, all.count, source, err);
    if (status != SN_OK) {
        return status;
    }
    train->count = 0;
    for (size_t i = 0; i < all.count; i++) {
        const double n = (double)seen[all.labels[i]]++;
        const bool taken = (size_t)((n + 1) * fraction) > (size_t)(n * fraction);
        move(&all, i, taken ? test : train);
    }
    return train->count > 0 && test->count > 0
               ? SN_OK
               : sn_fail(err, SN_EDATA,
                         "too few samples (%s): --test-fraction %g leaves %zu for "
                         "training and %zu for the test; choose another fraction",
                         source, fraction, train->count, test->count);
}

/* The classes are those of the training set. */
static sn_status check_test_labels(const sn_samples *train, const sn_samples *test,
                                   const char *source, sn_error *err)
{
    unsigned largest = 0;
    for (size_t i = 0; i < train->count; i++) {
        largest = train->labels[i] > largest ? train->labels[i] : largest;
    }
    for (size_t i = 0; i < test->count; i++) {
        if (test->labels[i] > largest) {
            return sn_fail(err, SN_EDATA,
                           "label out of range (%s): test sample %zu has label %u, but "
                           "the largest label of the training set is %u; get both sets "
                           "from one source",
                           source, i, test->labels[i], largest);
        }
    }
    return SN_OK;
}

static sn_status read_sets(const sn_source_form *form, const sn_source *found,
                           const char *path, const sn_import_options *options,
                           sn_samples *train, sn_samples *test, sn_error *err)
{
    sn_status status = form->read(found, false, train, err);
    if (status == SN_OK && train->count == 0) {
        status =
            sn_fail(err, SN_EDATA, "no samples (%s): the training set is empty", path);
    }
    if (status == SN_OK) {
        status = found->has_test
                     ? form->read(found, true, test, err)
                     : split(path, options->test_fraction, train, test, err);
    }
    if (status == SN_OK &&
        (test->count == 0 || test->rows != train->rows || test->cols != train->cols)) {
        status = sn_fail(err, SN_EDATA,
                         "data files do not match (%s): %zu training images of %zu x "
                         "%zu, %zu test images of %zu x %zu; get all from one source",
                         path, train->count, train->rows, train->cols, test->count,
                         test->rows, test->cols);
    }
    if (status == SN_OK) {
        status = check_test_labels(train, test, path, err);
    }
    if (status == SN_OK && options->transpose) {
        status = transpose(train, err);
        if (status == SN_OK) {
            status = transpose(test, err);
        }
    }
    return status;
}

/* An interrupted import may be repeated. */
static sn_status expect_none(const char *dir, sn_error *err)
{
    char path[SN_PATH_BYTES], first[SN_PATH_BYTES] = "";
    bool found, unfinished = false;
    for (int i = 0; i < FILES; i++) {
        const sn_status status = sn_dataset_find_file(dir, i, path, &found, err);
        if (status != SN_OK) {
            return status;
        }
        if (found && first[0] == '\0') {
            memcpy(first, path, sizeof first);
        }
        unfinished = unfinished || sn_dataset_is_unfinished(dir, i);
    }
    return first[0] == '\0' || unfinished
               ? SN_OK
               : sn_fail(err, SN_ECREATE,
                         "data set exists (%s): import does not replace it; choose "
                         "another folder or give --force",
                         first);
}

/* The paths of the four files of a folder. */
typedef struct files {
    char path[FILES][SN_PATH_BYTES], temporary[FILES][SN_PATH_BYTES];
    char packed[FILES][SN_PATH_BYTES]; /* the file that a gzip data set would have */
} files;

static sn_status name_files(const char *dir, files *f, sn_error *err)
{
    sn_status status = SN_OK;
    for (int i = 0; status == SN_OK && i < FILES; i++) {
        status = sn_path_join(f->path[i], dir, sn_dataset_file_names[i], err);
        if (status == SN_OK) {
            status = sn_path_temporary(f->temporary[i], f->path[i], err);
        }
        if (status == SN_OK) {
            status = sn_path_format(f->packed[i], err, "%s.gz", f->path[i]);
        }
    }
    return status;
}

/* Removes the last file of a replaced set.  Training prefers the plain file, so the
 * packed one, which may belong to an older set, is removed first. */
static sn_status remove_last(const files *f, sn_error *err)
{
    const char *const last[] = {f->packed[FILES - 1], f->path[FILES - 1]};
    for (int i = 0; i < 2; i++) {
        if (unlink(last[i]) != 0 && errno != ENOENT) {
            return sn_fail(err, SN_EIO, "cannot replace (%s): %s", last[i],
                           strerror(errno));
        }
    }
    return SN_OK;
}

/* After an error the other temporary files stay; they mark the set as unfinished. */
static sn_status publish(const files *f, sn_error *err)
{
    sn_status status = remove_last(f, err);
    for (int i = 0; status == SN_OK && i < FILES; i++) {
        status = sn_file_publish(f->temporary[i], f->path[i], err);
        if (status == SN_OK) {
            (void)unlink(f->packed[i]);
        }
    }
    return status;
}

/* Writes all four files to temporary names and flushes them, then publishes them.  The
 * folder never holds a complete mixture of two data sets: the function first removes the
 * last file of a replaced set, and it publishes the last file of the new set last. */
static sn_status write_sets(const char *dir, const sn_samples *train,
                            const sn_samples *test, sn_error *err)
{
    files f;
    int written = 0;
    sn_status status = sn_folder_create(dir, err);
    if (status == SN_OK) {
        status = name_files(dir, &f, err);
    }
    for (int i = 0; status == SN_OK && i < FILES; i++) {
        const sn_samples *set = i < 2 ? train : test;
        const size_t size[3] = {set->count, set->rows, set->cols};
        status = sn_idx_write_unpublished(f.temporary[i], i % 2 == 0 ? 3 : 1, size,
                                          i % 2 == 0 ? set->images : set->labels, err);
        written++;
        if (status == SN_OK) {
            status = sn_file_sync(f.temporary[i], err);
        }
    }
    if (status == SN_OK) {
        return publish(&f, err);
    }
    for (int i = 0; i < written; i++) {
        (void)unlink(f.temporary[i]);
    }
    return status;
}

/* text := the first names of the folder, as many as fit. */
static void list_names(const char *dir, char text[EXPLAIN_BYTES])
{
    char **names;
    size_t count, used = 0;
    text[0] = '\0';
    if (sn_source_list(dir, &names, &count, NULL) != SN_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(names[i]);
        if (used + length + 8 > EXPLAIN_BYTES) {
            (void)snprintf(text + used, EXPLAIN_BYTES - used, ", ...");
            break;
        }
        used += (size_t)snprintf(text + used, EXPLAIN_BYTES - used, "%s%s",
                                 i > 0 ? ", " : "", names[i]);
    }
    sn_source_free_names(names, count);
}

/* Reports what path is, since it has none of the forms. */
static sn_status refuse(const char *path, sn_error *err)
{
    char names[EXPLAIN_BYTES];
    list_names(path, names);
    return sn_fail(err, SN_ENOINPUT,
                   "no data set (%s): %s%s; `shardnet data import --help` lists what "
                   "can be imported, `shardnet data fetch DIR` downloads MNIST",
                   path,
                   sn_is_folder(path)     ? "it has "
                   : sn_file_exists(path) ? "its format is unknown"
                                          : "it does not exist",
                   sn_is_folder(path) && names[0] == '\0' ? "no files" : names);
}

/* Lists the names of the classes.  sn_import calls it before it writes files, because
 * these may lie in the source. */
static sn_status list_classes(const sn_source_form *form, const sn_source *found,
                              char **classes, sn_error *err)
{
    size_t bytes;
    FILE *out = open_memstream(classes, &bytes);
    if (out != NULL && form->print_classes != NULL) {
        form->print_classes(out, found);
    }
    return out != NULL && fclose(out) == 0
               ? SN_OK
               : sn_fail(err, SN_ENOMEM, "not enough memory (names of classes)");
}

sn_status sn_import(const char *source, const char *dir,
                    const sn_import_options *options, char **classes, sn_error *err)
{
    sn_source found;
    *classes = NULL;
    sn_samples train = {0}, test = {0};
    const sn_source_form *form = sn_source_find(source, &found);
    if (form == NULL) {
        return refuse(source, err);
    }
    if (found.has_test && options->test_fraction > 0) {
        return sn_fail(err, SN_EUSAGE,
                       "--test-fraction does not fit (%s): it has a test set; leave "
                       "the option out",
                       source);
    }
    if (!found.has_test && options->test_fraction <= 0) {
        return sn_fail(err, SN_EUSAGE,
                       "no test set (%s): it has a training set only; give "
                       "--test-fraction 0.1 to hold out a tenth of each class",
                       source);
    }
    sn_status status = options->force ? SN_OK : expect_none(dir, err);
    if (status == SN_OK) {
        status = read_sets(form, &found, source, options, &train, &test, err);
    }
    if (status == SN_OK) {
        status = list_classes(form, &found, classes, err);
    }
    if (status == SN_OK) {
        status = write_sets(dir, &train, &test, err);
    }
    sn_samples_clear(&train);
    sn_samples_clear(&test);
    return status;
}

sn_status sn_import_explain(const char *dir, sn_error *err)
{
    sn_source found;
    char quoted[SN_QUOTED_BYTES];
    const sn_source_form *form = sn_source_find(dir, &found);
    if (form != NULL) {
        return sn_fail(err, SN_ENOINPUT,
                       "no data set in the form that training reads (%s): it has %s; "
                       "run `shardnet data import%s%s %s NEW_DIR`",
                       dir, form->name, found.transposed ? " --transpose" : "",
                       found.has_test ? "" : " --test-fraction 0.1",
                       sn_shell_quote(dir, quoted));
    }
    return refuse(dir, err);
}
