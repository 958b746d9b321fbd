/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

sn_status sn_path_format(char path[SN_PATH_BYTES], sn_error *err, const char *format,
                         ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(path, SN_PATH_BYTES, format, arguments);
    va_end(arguments);
    return length >= 0 && length < SN_PATH_BYTES
               ? SN_OK
               : sn_fail(err, SN_ERANGE, "path too long (%s)", path);
}

sn_status sn_path_join(char path[SN_PATH_BYTES], const char *folder, const char *name,
                       sn_error *err)
{
    return sn_path_format(path, err, "%s/%s", folder, name);
}

void sn_path_parent(char folder[SN_PATH_BYTES], const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        snprintf(folder, SN_PATH_BYTES, ".");
    } else {
        const int length = slash == path ? 1 : (int)(slash - path);
        snprintf(folder, SN_PATH_BYTES, "%.*s", length, path);
    }
}

sn_status sn_path_temporary(char temporary[SN_PATH_BYTES], const char *path,
                            sn_error *err)
{
    return sn_path_format(temporary, err, "%s" SN_TEMPORARY_SUFFIX, path);
}

static sn_status sync_path(const char *path, int flags, sn_error *err)
{
    int descriptor = open(path, flags);
    if (descriptor < 0) {
        return sn_fail(err, SN_EIO, "cannot open to flush (%s): %s", path,
                       strerror(errno));
    }
    int failed = fsync(descriptor) != 0;
    int reason = errno;
    close(descriptor);
    /* some file systems cannot fsync a folder; the program cannot change that */
    if (failed && !(reason == EINVAL && (flags & O_DIRECTORY) != 0)) {
        return sn_fail(err, SN_EIO, "cannot flush (%s): %s", path, strerror(reason));
    }
    return SN_OK;
}

sn_status sn_file_sync(const char *path, sn_error *err)
{
    return sync_path(path, O_RDONLY | O_CLOEXEC, err);
}

static sn_status sync_parent(const char *path, sn_error *err)
{
    char folder[SN_PATH_BYTES];
    sn_path_parent(folder, path);
    return sync_path(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, err);
}

/* An existing folder is not an error.  A failure to fsync the parent is ignored: the
 * folder exists, and a later failure to write into it is reported. */
static sn_status make_folder(const char *path, sn_error *err)
{
    if (mkdir(path, 0777) == 0) {
        (void)sync_parent(path, NULL);
        return SN_OK;
    }
    return errno == EEXIST && sn_is_folder(path)
               ? SN_OK
               : sn_fail(
                     err, SN_ECREATE,
                     "cannot create folder (%s): %s; choose a path you may write to",
                     path, strerror(errno));
}

sn_status sn_folder_create(const char *folder, sn_error *err)
{
    char path[SN_PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s", folder);
    if (length <= 0 || length >= SN_PATH_BYTES) {
        return sn_fail(err, SN_ECREATE,
                       "cannot create folder (%s): the path is empty or too long",
                       folder);
    }
    for (char *c = path + 1;; c++) {
        char separator = *c;
        if (separator != '/' && separator != '\0') {
            continue;
        }
        *c = '\0';
        const sn_status status = make_folder(path, err);
        if (status != SN_OK || separator == '\0') {
            return status;
        }
        *c = separator;
    }
}

/* Checks that path is free, or a file or link that may be replaced.  A rename would
 * replace a device such as /dev/null, and the link /dev/stdout even if it leads to a
 * file. */
static sn_status check_target(const char *path, sn_error *err)
{
    struct stat info;
    const bool device_name = strncmp(path, "/dev/", 5) == 0;
    const bool link = lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
    if (stat(path, &info) != 0 || (S_ISREG(info.st_mode) && !(link && device_name))) {
        return SN_OK;
    }
    return sn_fail(err, SN_ECREATE,
                   "cannot create (%s): it is a %s; give the path of a file", path,
                   S_ISDIR(info.st_mode) ? "folder" : "device or a pipe");
}

sn_status sn_file_publish(const char *temporary, const char *path, sn_error *err)
{
    sn_status status = sn_file_sync(temporary, err);
    if (status != SN_OK) {
        return status;
    }
    if (rename(temporary, path) != 0) {
        return sn_fail(err, SN_EIO, "cannot rename (%s to %s): %s", temporary, path,
                       strerror(errno));
    }
    return sync_parent(path, err);
}

sn_status sn_file_publish_or_remove(sn_status status, const char *temporary,
                                    const char *path, sn_error *err)
{
    if (status == SN_OK) {
        status = sn_file_publish(temporary, path, err);
    }
    if (status != SN_OK) {
        (void)unlink(temporary);
    }
    return status;
}

/* Returns false, with errno set, on failure. */
static bool write_all(int descriptor, const char *data, size_t bytes)
{
    enum { CHUNK_BYTES = 64 << 20 };
    while (bytes > 0) {
        const size_t chunk = bytes < CHUNK_BYTES ? bytes : CHUNK_BYTES;
        const ssize_t written = write(descriptor, data, chunk);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            data += written;
            bytes -= (size_t)written;
        }
    }
    return true;
}

/* Opens a new file for writing.  O_EXCL: a link at path must not redirect the data. */
static sn_status create_file(const char *path, int *descriptor, sn_error *err)
{
    (void)unlink(path);
    *descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return *descriptor >= 0
               ? SN_OK
               : sn_fail(err, SN_ECREATE,
                         "cannot create (%s): %s; choose a folder you may write to",
                         path, strerror(errno));
}

sn_status sn_file_create(const char *path, FILE **file, sn_error *err)
{
    int descriptor;
    *file = NULL;
    const sn_status status = create_file(path, &descriptor, err);
    if (status != SN_OK) {
        return status;
    }
    *file = fdopen(descriptor, "wb");
    if (*file == NULL) {
        close(descriptor);
        (void)unlink(path);
        return sn_fail(err, SN_ENOMEM, "cannot create (%s): out of memory", path);
    }
    return SN_OK;
}

sn_status sn_file_begin(const char *path, char temporary[SN_PATH_BYTES], FILE **file,
                        sn_error *err)
{
    *file = NULL;
    sn_status status = check_target(path, err);
    if (status == SN_OK) {
        status = sn_path_temporary(temporary, path, err);
    }
    return status == SN_OK ? sn_file_create(temporary, file, err) : status;
}

sn_status sn_file_write(const char *path, const void *data, size_t bytes, sn_error *err)
{
    int descriptor;
    const sn_status status = create_file(path, &descriptor, err);
    if (status != SN_OK) {
        return status;
    }
    bool done = write_all(descriptor, data, bytes);
    int reason = errno;
    if (close(descriptor) != 0 && done) {
        done = false;
        reason = errno;
    }
    if (!done) {
        (void)unlink(path);
        return sn_fail(err, SN_EIO, "cannot write (%s): %s", path, strerror(reason));
    }
    return SN_OK;
}

sn_status sn_file_write_text(const char *path, const char *text, sn_error *err)
{
    char temporary[SN_PATH_BYTES];
    sn_status status = check_target(path, err);
    if (status == SN_OK) {
        status = sn_path_temporary(temporary, path, err);
    }
    if (status == SN_OK) {
        status = sn_file_write(temporary, text, strlen(text), err);
    }
    return status == SN_OK ? sn_file_publish_or_remove(status, temporary, path, err)
                           : status;
}

sn_status sn_file_move_away(const char *path, const char *suffix,
                            char new_path[SN_PATH_BYTES], sn_error *err)
{
    int length = snprintf(new_path, SN_PATH_BYTES, "%s.%s", path, suffix);
    for (int n = 2; length > 0 && length < SN_PATH_BYTES && sn_file_exists(new_path);
         n++) {
        length = snprintf(new_path, SN_PATH_BYTES, "%s.%s.%d", path, suffix, n);
    }
    if (length <= 0 || length >= SN_PATH_BYTES) {
        return sn_fail(err, SN_ERANGE, "path too long (%s)", path);
    }
    return sn_file_publish(path, new_path, err);
}

int sn_file_numbers(const char *path, long long *number, int count)
{
    char line[256] = "";
    FILE *file = fopen(path, "r");
    const bool read = file != NULL && fgets(line, sizeof line, file) != NULL;
    int found = 0;
    for (char *next = line, *end; read && found < count; next = end, found++) {
        number[found] = strtoll(next, &end, 10);
        if (end == next) {
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

bool sn_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool sn_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

sn_status sn_file_open(const char *path, const char *wanted, FILE **file,
                       uint64_t *bytes, sn_error *err)
{
    struct stat info;
    *file = NULL;
    if (stat(path, &info) != 0) {
        return sn_fail(err, SN_ENOINPUT, "cannot open (%s): %s; check the path", path,
                       strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return sn_fail(err, SN_ENOINPUT, "cannot read (%s): %s; give %s", path,
                       S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a file",
                       wanted);
    }
    *bytes = (uint64_t)info.st_size;
    *file = fopen(path, "rb");
    return *file != NULL ? SN_OK
                         : sn_fail(err, SN_ENOINPUT,
                                   "cannot open (%s): %s; check its permissions", path,
                                   strerror(errno));
}
