/* The folder of a run's checkpoints: names, order, rotation. */
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

/* Step of a file name that sn_checkpoint_path makes; -1 for any other name. */
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

static int newest_first(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left < right) - (left > right);
}

static sn_status append_step(int64_t step, int64_t **steps, size_t *count,
                             size_t *capacity, const char *folder, sn_error *err)
{
    if (*count == *capacity) {
        size_t wanted = *capacity * 2 + 16;
        int64_t *grown = realloc(*steps, wanted * sizeof **steps);
        if (grown == NULL) {
            return sn_fail(err, SN_ENOMEM, "out of memory to list (%s)", folder);
        }
        *steps = grown;
        *capacity = wanted;
    }
    (*steps)[(*count)++] = step;
    return SN_OK;
}

/* What cannot be asked counts as one, so that whoever opens it says why. */
static bool is_file(DIR *stream, const char *name)
{
    struct stat info;
    return fstatat(dirfd(stream), name, &info, 0) == 0 ? S_ISREG(info.st_mode)
                                                       : errno != ENOENT;
}

static sn_status list_entries(DIR *stream, const char *folder, int64_t **steps,
                              size_t *count, sn_error *err)
{
    size_t capacity = 0;
    sn_status status = SN_OK;
    while (status == SN_OK) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            return errno == 0 ? SN_OK
                              : sn_fail(err, SN_EIO, "cannot list (%s): %s", folder,
                                        strerror(errno));
        }
        int64_t step = step_of(entry->d_name);
        if (step >= 0 && is_file(stream, entry->d_name)) {
            status = append_step(step, steps, count, &capacity, folder, err);
        }
    }
    return status;
}

sn_status sn_checkpoint_list(const char *run, int64_t **steps, size_t *count,
                             sn_error *err)
{
    char folder[SN_PATH_BYTES];
    *steps = NULL;
    *count = 0;
    sn_status status = folder_path(folder, run, err);
    if (status != SN_OK) {
        return status;
    }
    DIR *stream = opendir(folder);
    if (stream == NULL) {
        return errno == ENOENT || errno == ENOTDIR
                   ? SN_OK
                   : sn_fail(err, SN_EIO, "cannot list (%s): %s", folder,
                             strerror(errno));
    }
    status = list_entries(stream, folder, steps, count, err);
    closedir(stream);
    if (status != SN_OK) {
        free(*steps);
        *steps = NULL;
        *count = 0;
    } else if (*count > 1) {
        qsort(*steps, *count, sizeof **steps, newest_first);
    }
    return status;
}

static sn_status remove_file(const char *path, sn_error *err)
{
    return unlink(path) == 0 || errno == ENOENT
               ? SN_OK
               : sn_fail(err, SN_EIO, "cannot remove (%s): %s", path, strerror(errno));
}

/* Is name what a write that was killed leaves behind? */
static int is_stale(const char *name)
{
    static const char temporary[] = SN_TEMPORARY_SUFFIX;
    char complete[64];
    size_t length = strlen(name);
    if (length < sizeof temporary || length >= sizeof complete ||
        strcmp(name + length - strlen(temporary), temporary) != 0) {
        return 0;
    }
    snprintf(complete, sizeof complete, "%.*s", (int)(length - strlen(temporary)),
             name);
    return step_of(complete) >= 0 || strcmp(complete, SN_BEST_FILE) == 0;
}

static sn_status remove_stale(const char *run, sn_error *err)
{
    char folder[SN_PATH_BYTES], path[SN_PATH_BYTES];
    sn_status status = folder_path(folder, run, err);
    DIR *stream = status == SN_OK ? opendir(folder) : NULL;
    const struct dirent *entry;
    while (stream != NULL && status == SN_OK && (entry = readdir(stream)) != NULL) {
        if (is_stale(entry->d_name)) {
            status = sn_path_join(path, folder, entry->d_name, err);
            status = status == SN_OK ? remove_file(path, err) : status;
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
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
                             "missing; give a checkpoint file or the folder of a run",
                             file_or_run);
        }
    }
    free(steps);
    return status;
}
