/* SPDX-License-Identifier: BSD-3-Clause */
/* A folder of pictures per class: CLASS/PICTURE, or train/CLASS/PICTURE and
 * test/CLASS/PICTURE.  Folders that are all named by numbers 0 to 255 give the labels;
 * other names of the training set are numbered in the order of their bytes.  The
 * classes are spread evenly over the set, so that its end, where data.validation takes
 * its samples, holds them all. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/system/file.h"
#include "data/image/image.h"
#include "data/source/source.h"

/* A picture: the number-th of the count pictures of its class. */
typedef struct picture {
    char *path;
    uint64_t number, count;
    uint8_t label;
} picture;

typedef struct album {
    picture *pictures;
    size_t count;
} album;

/* Orders by the position (number + 1/2) / count in the class, then by label. */
static int by_position(const void *left, const void *right)
{
    const picture *a = left, *b = right;
    const uint64_t of_a = (2 * a->number + 1) * b->count;
    const uint64_t of_b = (2 * b->number + 1) * a->count;
    return of_a != of_b ? (of_a > of_b) - (of_a < of_b)
                        : (a->label > b->label) - (a->label < b->label);
}

static bool has_folder(const char *path)
{
    char **names, inner[SN_PATH_BYTES];
    size_t count;
    bool found = false;
    if (sn_source_list(path, &names, &count, NULL) != SN_OK) {
        return false;
    }
    for (size_t i = 0; !found && i < count; i++) {
        found =
            sn_path_join(inner, path, names[i], NULL) == SN_OK && sn_is_folder(inner);
    }
    sn_source_free_names(names, count);
    return found;
}

static bool find(const char *path, sn_source *source)
{
    char *train = source->file[0], *test = source->file[2];
    if (!sn_is_folder(path) || sn_path_join(train, path, "train", NULL) != SN_OK ||
        sn_path_join(test, path, "test", NULL) != SN_OK) {
        return false;
    }
    if (!sn_is_folder(train)) {
        return sn_path_format(train, NULL, "%s", path) == SN_OK && has_folder(path);
    }
    source->has_test = sn_is_folder(test);
    return has_folder(train);
}

/* Returns the number 0 to 255 that the name is, or -1. */
static int number_of(const char *name)
{
    char *end;
    const long number = strtol(name, &end, 10);
    return name[0] >= '0' && name[0] <= '9' && *end == '\0' && number >= 0 &&
                   number < SN_SOURCE_CLASSES_MAX
               ? (int)number
               : -1;
}

/* Adds the pictures of one class. */
static sn_status add_class(const char *folder, int label, album *all, sn_error *err)
{
    char **names, path[SN_PATH_BYTES];
    size_t count;
    sn_status status = sn_source_list(folder, &names, &count, err);
    if (status != SN_OK) {
        return status;
    }
    picture *room =
        realloc(all->pictures, (all->count + count + 1) * sizeof *all->pictures);
    if (room == NULL) {
        status = sn_fail(err, SN_ENOMEM, "not enough memory (%s)", folder);
    } else {
        all->pictures = room;
    }
    for (size_t i = 0; status == SN_OK && i < count; i++) {
        status = sn_path_join(path, folder, names[i], err);
        char *copy = status == SN_OK ? strdup(path) : NULL;
        if (status == SN_OK && copy == NULL) {
            status = sn_fail(err, SN_ENOMEM, "not enough memory (%s)", folder);
        } else if (status == SN_OK) {
            all->pictures[all->count++] = (picture){copy, i, count, (uint8_t)label};
        }
    }
    sn_source_free_names(names, count);
    return status;
}

/* The folders of a set, each a class: the first count of the names. */
typedef struct folders {
    char **names;
    size_t listed, count;
    bool numbers; /* every name is a number 0 to 255 */
} folders;

static void clear_folders(folders *found)
{
    sn_source_free_names(found->names, found->listed);
    *found = (folders){.names = NULL};
}

/* Finds the folders of root, in the order of their names; the caller clears them, also
 * on failure. */
static sn_status find_folders(const char *root, folders *found, sn_error *err)
{
    char path[SN_PATH_BYTES];
    *found = (folders){.numbers = true};
    sn_status status = sn_source_list(root, &found->names, &found->listed, err);
    for (size_t i = 0; status == SN_OK && i < found->listed; i++) {
        char *name = found->names[i];
        status = sn_path_join(path, root, name, err);
        if (status == SN_OK && sn_is_folder(path)) {
            found->numbers = found->numbers && number_of(name) >= 0;
            found->names[i] = found->names[found->count];
            found->names[found->count++] = name;
        }
    }
    if (status == SN_OK && found->count > SN_SOURCE_CLASSES_MAX) {
        status =
            sn_fail(err, SN_EDATA,
                    "too many classes (%s): it has %zu folders; at most %d classes "
                    "are supported",
                    root, found->count, SN_SOURCE_CLASSES_MAX);
    }
    return status;
}

/* Returns the label of a class, or -1 if the training set has no folder of this name. */
static int label_of(const folders *train, const char *name)
{
    const int number = train->numbers ? number_of(name) : -1;
    for (size_t i = 0; i < train->count; i++) {
        const char *known = train->names[i];
        if (train->numbers ? number_of(known) == number : strcmp(known, name) == 0) {
            return train->numbers ? number : (int)i;
        }
    }
    return -1;
}

/* Adds the pictures of all folders of root. */
static sn_status add_classes(const char *root, const folders *train,
                             const folders *found, album *all, sn_error *err)
{
    char path[SN_PATH_BYTES];
    for (size_t i = 0; i < found->count; i++) {
        sn_status status = sn_path_join(path, root, found->names[i], err);
        const int label = label_of(train, found->names[i]);
        if (status == SN_OK && label < 0) {
            status = sn_fail(err, SN_EDATA,
                             "unknown class (%s): the training set has no folder of "
                             "this name; give both sets the same folders",
                             path);
        }
        if (status == SN_OK) {
            status = add_class(path, label, all, err);
        }
        if (status != SN_OK) {
            return status;
        }
    }
    return all->count > 0 ? SN_OK
                          : sn_fail(err, SN_EDATA,
                                    "no pictures (%s): its folders are empty; put the "
                                    "pictures of each class into one folder",
                                    root);
}

/* Collects the pictures of a set.  The folders of the training set give the labels. */
static sn_status collect(const sn_source *source, bool test, album *all, sn_error *err)
{
    const char *root = source->file[test ? 2 : 0];
    folders train, found = {.names = NULL};
    sn_status status = find_folders(source->file[0], &train, err);
    if (status == SN_OK) {
        status = find_folders(root, &found, err);
    }
    if (status == SN_OK) {
        status = add_classes(root, &train, &found, all, err);
    }
    clear_folders(&train);
    clear_folders(&found);
    return status;
}

static void print_classes(FILE *out, const sn_source *source)
{
    folders train;
    if (find_folders(source->file[0], &train, NULL) == SN_OK && !train.numbers) {
        for (size_t i = 0; i < train.count; i++) {
            fprintf(out, "class   %zu is %s\n", i, train.names[i]);
        }
    }
    clear_folders(&train);
}

static sn_status add_picture(const picture *p, size_t count, sn_samples *samples,
                             sn_error *err)
{
    sn_images read;
    sn_status status = sn_image_read(p->path, &read, err);
    if (status == SN_OK && samples->count == 0) {
        samples->rows = read.rows;
        samples->cols = read.cols;
        status = sn_samples_reserve(samples, count, p->path, err);
    }
    if (status == SN_OK &&
        (read.count != 1 || read.rows != samples->rows || read.cols != samples->cols)) {
        status = sn_fail(err, SN_EDATA,
                         "pictures do not match (%s): it has %zu x %zu pixels, the "
                         "pictures before it %zu x %zu; give all the same size",
                         p->path, read.cols, read.rows, samples->cols, samples->rows);
    }
    if (status == SN_OK) {
        const size_t pixels = samples->rows * samples->cols;
        memcpy(samples->images + samples->count * pixels, read.pixels, pixels);
        samples->labels[samples->count++] = p->label;
    }
    sn_image_clear(&read);
    return status;
}

static sn_status read(const sn_source *source, bool test, sn_samples *samples,
                      sn_error *err)
{
    album all = {.pictures = NULL};
    sn_status status = collect(source, test, &all, err);
    if (status == SN_OK) {
        qsort(all.pictures, all.count, sizeof *all.pictures, by_position);
    }
    for (size_t i = 0; status == SN_OK && i < all.count; i++) {
        status = add_picture(&all.pictures[i], all.count, samples, err);
    }
    for (size_t i = 0; i < all.count; i++) {
        free(all.pictures[i].path);
    }
    free(all.pictures);
    return status;
}

const sn_source_form sn_source_pictures = {"a folder of pictures per class", find, read,
                                           print_classes};
