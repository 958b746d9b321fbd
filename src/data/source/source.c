/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/source/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const sn_source_form *sn_source_find(const char *path, sn_source *source)
{
    static const sn_source_form *const forms[] = {&sn_source_idx, &sn_source_npz,
                                                  &sn_source_csv, &sn_source_pictures};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        *source = (sn_source){.has_test = false};
        if (forms[i]->find(path, source)) {
            return forms[i];
        }
    }
    return NULL;
}

sn_status sn_samples_reserve(sn_samples *samples, size_t count, const char *path,
                             sn_error *err)
{
    size_t pixels, bytes;
    if (count <= samples->room) {
        return SN_OK;
    }
    bool good = sn_size_multiply(samples->rows, samples->cols, &pixels) &&
                sn_size_multiply(pixels, count, &bytes);
    if (good) {
        uint8_t *images = realloc(samples->images, bytes);
        uint8_t *labels = realloc(samples->labels, count);
        samples->images = images != NULL ? images : samples->images;
        samples->labels = labels != NULL ? labels : samples->labels;
        good = images != NULL && labels != NULL;
    }
    if (!good) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (%s): %zu images", path,
                       count);
    }
    samples->room = count;
    return SN_OK;
}

void sn_samples_clear(sn_samples *samples)
{
    free(samples->images);
    free(samples->labels);
    *samples = (sn_samples){0};
}

bool sn_source_ends(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    const size_t wanted = strlen(suffix);
    if (length > 3 && strcmp(name + length - 3, ".gz") == 0) {
        length -= 3;
    }
    return length >= wanted && strncmp(name + length - wanted, suffix, wanted) == 0;
}

/* Returns false for hidden files, and for files that Windows and macOS add to folders
 * and archives. */
static int is_data(const struct dirent *entry)
{
    static const char *const others[] = {"Thumbs.db", "desktop.ini", "__MACOSX"};
    bool data = entry->d_name[0] != '.';
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        data = data && strcmp(entry->d_name, others[i]) != 0;
    }
    return data;
}

/* The order does not depend on the locale. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

sn_status sn_source_list(const char *folder, char ***names, size_t *count,
                         sn_error *err)
{
    struct dirent **entries;
    *names = NULL;
    *count = 0;
    const int found = scandir(folder, &entries, is_data, by_bytes);
    if (found < 0) {
        return sn_fail(err, SN_ENOINPUT, "cannot read folder (%s): %s", folder,
                       strerror(errno));
    }
    *names = sn_alloc((size_t)found, sizeof **names);
    bool good = *names != NULL;
    for (int i = 0; i < found; i++) {
        char *name = good ? strdup(entries[i]->d_name) : NULL;
        good = good && name != NULL;
        if (good) {
            (*names)[(*count)++] = name;
        }
        free(entries[i]);
    }
    free(entries);
    if (!good) {
        sn_source_free_names(*names, *count);
        *names = NULL;
        *count = 0;
        return sn_fail(err, SN_ENOMEM, "not enough memory (%s): %d entries", folder,
                       found);
    }
    return SN_OK;
}

void sn_source_free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}
