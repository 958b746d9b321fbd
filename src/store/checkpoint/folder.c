/* SPDX-License-Identifier: BSD-3-Clause */
/* The folder RUN/checkpoints: file names, listing, rotation. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/checkpoint/checkpoint.h"
#include "store/paths.h"

static sn_status folder_path(char folder[SN_PATH_BYTES], const char *run, sn_error *err)
{
    return sn_path_join(folder, run, SN_CHECKPOINTS_FOLDER, err);
}

sn_status sn_checkpoint_create_folder(const char *run, sn_error *err)
{
    char folder[SN_PATH_BYTES];
    const sn_status status = folder_path(folder, run, err);
    return status == SN_OK ? sn_folder_create(folder, err) : status;
}

sn_status sn_checkpoint_path(char path[SN_PATH_BYTES], const char *run, int64_t step,
                             sn_error *err)
{
    char name[64];
    snprintf(name, sizeof name,
             SN_CHECKPOINTS_FOLDER "/" SN_STEP_PREFIX "%08" PRId64 SN_H5_SUFFIX, step);
    return sn_path_join(path, run, name, err);
}

sn_status sn_checkpoint_best_path(char path[SN_PATH_BYTES], const char *run,
                                  sn_error *err)
{
    return sn_path_join(path, run, SN_CHECKPOINTS_FOLDER "/" SN_BEST_FILE, err);
}

/* Returns the step in a file name that sn_checkpoint_path made, -1 for other names. */
static int64_t step_of(const char *name)
{
    static const char prefix[] = SN_STEP_PREFIX;
    if (strncmp(name, prefix, strlen(prefix)) != 0) {
        return -1;
    }
    const char *digits = name + strlen(prefix);
    size_t count = strspn(digits, "0123456789");
    if (count < 8 || (count > 8 && digits[0] == '0') ||
        strcmp(digits + count, SN_H5_SUFFIX) != 0) {
        return -1;
    }
    errno = 0;
    long long step = strtoll(digits, NULL, 10);
    return errno == 0 ? step : -1;
}

static int is_step(const struct dirent *entry)
{
    return step_of(entry->d_name) >= 0;
}

/* True for the temporary file of a write that was killed. */
static int is_stale(const struct dirent *entry)
{
    char complete[64];
    const size_t suffix = strlen(SN_TEMPORARY_SUFFIX), length = strlen(entry->d_name);
    if (length < suffix ||
        strcmp(entry->d_name + length - suffix, SN_TEMPORARY_SUFFIX) != 0) {
        return 0;
    }
    snprintf(complete, sizeof complete, "%.*s", (int)(length - suffix), entry->d_name);
    return step_of(complete) >= 0 || strcmp(complete, SN_BEST_FILE) == 0;
}

static int newest_first(const struct dirent **a, const struct dirent **b)
{
    const int64_t left = step_of((*a)->d_name), right = step_of((*b)->d_name);
    return (left < right) - (left > right);
}

/* Lists the wanted entries of RUN/checkpoints, none if the folder is missing.  The
 * caller frees them with release(). */
static sn_status scan(const char *run, int (*wanted)(const struct dirent *),
                      char folder[SN_PATH_BYTES], struct dirent ***entries, int *count,
                      sn_error *err)
{
    *entries = NULL;
    *count = 0;
    const sn_status status = folder_path(folder, run, err);
    if (status != SN_OK) {
        return status;
    }
    const int found = scandir(folder, entries, wanted, newest_first);
    if (found < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? SN_OK
                   : sn_fail(err, SN_EIO, "cannot list (%s): %s", folder,
                             strerror(errno));
    }
    *count = found;
    return SN_OK;
}

static void release(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
}

/* Returns true if path is a regular file, or if stat fails although it exists: opening the
 * file then reports the reason. */
static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? S_ISREG(info.st_mode) : errno != ENOENT;
}

sn_status sn_checkpoint_list(const char *run, int64_t **steps, size_t *count,
                             sn_error *err)
{
    char folder[SN_PATH_BYTES], path[SN_PATH_BYTES];
    struct dirent **entries;
    int found;
    sn_status status = scan(run, is_step, folder, &entries, &found, err);
    *count = 0;
    *steps = found > 0 ? calloc((size_t)found, sizeof **steps) : NULL;
    if (found > 0 && *steps == NULL) {
        status = sn_fail(err, SN_ENOMEM, "out of memory to list (%s)", folder);
    }
    for (int i = 0; status == SN_OK && i < found; i++) {
        status = sn_path_join(path, folder, entries[i]->d_name, err);
        if (status == SN_OK && is_file(path)) {
            (*steps)[(*count)++] = step_of(entries[i]->d_name);
        }
    }
    release(entries, found);
    return status;
}

static sn_status remove_file(const char *path, sn_error *err)
{
    return unlink(path) == 0 || errno == ENOENT
               ? SN_OK
               : sn_fail(err, SN_EIO, "cannot remove (%s): %s", path, strerror(errno));
}

static sn_status remove_stale(const char *run, sn_error *err)
{
    char folder[SN_PATH_BYTES], path[SN_PATH_BYTES];
    struct dirent **entries;
    int count;
    sn_status status = scan(run, is_stale, folder, &entries, &count, err);
    for (int i = 0; status == SN_OK && i < count; i++) {
        status = sn_path_join(path, folder, entries[i]->d_name, err);
        status = status == SN_OK ? remove_file(path, err) : status;
    }
    release(entries, count);
    return status;
}

sn_status sn_checkpoint_rotate(const char *run, int64_t step, size_t keep,
                               sn_error *err)
{
    int64_t *steps;
    size_t count, kept = 0;
    sn_status status = sn_checkpoint_list(run, &steps, &count, err);
    for (size_t i = 0; status == SN_OK && i < count; i++) {
        char path[SN_PATH_BYTES];
        if (steps[i] > step || kept++ < keep) {
            continue;
        }
        status = sn_checkpoint_path(path, run, steps[i], err);
        status = status == SN_OK ? remove_file(path, err) : status;
    }
    free(steps);
    return status == SN_OK ? remove_stale(run, err) : status;
}

sn_status sn_checkpoint_resolve(const char *file_or_run, char path[SN_PATH_BYTES],
                                sn_error *err)
{
    if (!sn_is_folder(file_or_run)) {
        int length = snprintf(path, SN_PATH_BYTES, "%s", file_or_run);
        if (length < 0 || length >= SN_PATH_BYTES) {
            return sn_fail(err, SN_ERANGE, "path too long (%s)", file_or_run);
        }
        return sn_file_exists(path)
                   ? SN_OK
                   : sn_fail(err, SN_ENOINPUT, "no such file (%s)", path);
    }
    int64_t *steps;
    size_t count;
    sn_status status = sn_checkpoint_list(file_or_run, &steps, &count, err);
    if (status == SN_OK && count > 0) {
        status = sn_checkpoint_path(path, file_or_run, steps[0], err);
    } else if (status == SN_OK) {
        status = sn_checkpoint_best_path(path, file_or_run, err);
        if (status == SN_OK && !sn_file_exists(path)) {
            status = sn_fail(err, SN_ENOINPUT,
                             "no checkpoint (%s): its folder " SN_CHECKPOINTS_FOLDER
                             " is empty or "
                             "missing; give a checkpoint file or a run folder",
                             file_or_run);
        }
    }
    free(steps);
    return status;
}
