/* SPDX-License-Identifier: BSD-3-Clause */
/* A library to preload: one file operation below a folder fails, or ends the process.
 *
 *     FAIL_FOLDER  absolute path; operations on other files are neither counted nor
 *                  changed
 *     FAIL_AT      number of the operation, from 1
 *     FAIL_KIND    eio: this operation fails once with EIO
 *                  enospc: this operation and all later ones that write fail with
 *                  ENOSPC
 *                  kill: the process ends before this operation
 *                  nolock: the folder cannot be locked: flock and fcntl fail with errno
 *                  FAIL_AT, and nothing else does
 *     FAIL_LOG     a file that gets one line per operation: its number, its name, and
 *                  whether it reads or writes
 *
 * Rank 0 of Open MPI alone is affected.  Counted are open, mkdir, read, pread, write,
 * pwrite, fsync, ftruncate, rename, unlink and flock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { DESCRIPTORS = 1024 };

static atomic_bool watched[DESCRIPTORS];
static atomic_long count;
static const char *folder;
static long at;
static enum { COUNT_ONLY, EIO_ONCE, ENOSPC_FROM, KILL, NO_LOCK } kind;
static int log_descriptor = -1;

/* The function of the C library of this name. */
#define REAL(name) (*(__typeof__(&name) *)(void *[]){dlsym(RTLD_NEXT, #name)})

__attribute__((constructor)) static void begin(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    const char *number = getenv("FAIL_AT"), *text = getenv("FAIL_KIND");
    folder = rank == NULL || strcmp(rank, "0") == 0 ? getenv("FAIL_FOLDER") : NULL;
    at = number != NULL ? strtol(number, NULL, 10) : 0;
    if (text != NULL && at > 0) {
        kind = strcmp(text, "eio") == 0      ? EIO_ONCE
               : strcmp(text, "enospc") == 0 ? ENOSPC_FROM
               : strcmp(text, "kill") == 0   ? KILL
               : strcmp(text, "nolock") == 0 ? NO_LOCK
                                             : COUNT_ONLY;
    }
}

static bool below_folder(const char *path)
{
    char absolute[PATH_MAX];
    if (folder == NULL) {
        return false;
    }
    if (path[0] != '/') {
        if (getcwd(absolute, sizeof absolute / 2) == NULL) {
            return false;
        }
        strcat(absolute, "/");
        strncat(absolute, path, sizeof absolute / 2 - 2);
        path = absolute;
    }
    return strncmp(path, folder, strlen(folder)) == 0;
}

static void log_operation(long number, const char *name, bool writes)
{
    const char *path = getenv("FAIL_LOG");
    if (path != NULL && log_descriptor < 0) {
        log_descriptor = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    }
    if (log_descriptor >= 0) {
        char line[64];
        const int bytes = snprintf(line, sizeof line, "%ld %s %s\n", number, name,
                                   writes ? "writes" : "reads");
        (void)!REAL(write)(log_descriptor, line, (size_t)bytes);
    }
}

/* Counts an operation; returns true, with errno set, if it must fail. */
static bool fails(const char *name, bool writes)
{
    const long number = atomic_fetch_add(&count, 1) + 1;
    log_operation(number, name, writes);
    if (kind == KILL && number == at) {
        (void)kill(getpid(), SIGKILL);
    }
    if (kind == EIO_ONCE && number == at) {
        errno = EIO;
        return true;
    }
    if (kind == ENOSPC_FROM && number >= at && writes) {
        errno = ENOSPC;
        return true;
    }
    return false;
}

static bool is_watched(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS && atomic_load(&watched[fd]);
}

static int watch(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS) {
        atomic_store(&watched[fd], true);
    }
    return fd;
}

#define OPEN(name)                                                                     \
    int name(const char *path, int flags, ...)                                         \
    {                                                                                  \
        mode_t mode = 0;                                                               \
        if ((flags & O_CREAT) != 0) {                                                  \
            va_list arguments;                                                         \
            va_start(arguments, flags);                                                \
            mode = va_arg(arguments, mode_t);                                          \
            va_end(arguments);                                                         \
        }                                                                              \
        if (!below_folder(path)) {                                                     \
            return REAL(name)(path, flags, mode);                                      \
        }                                                                              \
        return fails(#name, (flags & O_CREAT) != 0)                                    \
                   ? -1                                                                \
                   : watch(REAL(name)(path, flags, mode));                             \
    }
OPEN(open)
OPEN(open64)

int close(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS) {
        atomic_store(&watched[fd], false);
    }
    return REAL(close)(fd);
}

#define ON_DESCRIPTOR(type, name, parameters, arguments, writes)                       \
    type name parameters                                                               \
    {                                                                                  \
        return is_watched(fd) && fails(#name, writes) ? -1 : REAL(name) arguments;     \
    }
ON_DESCRIPTOR(ssize_t, write, (int fd, const void *data, size_t bytes),
              (fd, data, bytes), true)
ON_DESCRIPTOR(ssize_t, pwrite, (int fd, const void *data, size_t bytes, off_t offset),
              (fd, data, bytes, offset), true)
ON_DESCRIPTOR(ssize_t, pwrite64,
              (int fd, const void *data, size_t bytes, off64_t offset),
              (fd, data, bytes, offset), true)
ON_DESCRIPTOR(ssize_t, read, (int fd, void *data, size_t bytes), (fd, data, bytes),
              false)
ON_DESCRIPTOR(ssize_t, pread, (int fd, void *data, size_t bytes, off_t offset),
              (fd, data, bytes, offset), false)
ON_DESCRIPTOR(ssize_t, pread64, (int fd, void *data, size_t bytes, off64_t offset),
              (fd, data, bytes, offset), false)
ON_DESCRIPTOR(int, fsync, (int fd), (fd), true)
ON_DESCRIPTOR(int, ftruncate, (int fd, off_t bytes), (fd, bytes), true)
ON_DESCRIPTOR(int, ftruncate64, (int fd, off64_t bytes), (fd, bytes), true)

/* Returns true, with errno set, if the lock of this descriptor must fail. */
static bool lock_fails(int fd, bool waits_or_tries)
{
    if (kind != NO_LOCK || !waits_or_tries || !is_watched(fd)) {
        return false;
    }
    errno = (int)at;
    return true;
}

int flock(int fd, int operation)
{
    return lock_fails(fd, true) || (is_watched(fd) && fails("flock", false))
               ? -1
               : REAL(flock)(fd, operation);
}

#define FCNTL(name)                                                                    \
    int name(int fd, int command, ...)                                                 \
    {                                                                                  \
        va_list arguments;                                                             \
        va_start(arguments, command);                                                  \
        void *argument = va_arg(arguments, void *);                                    \
        va_end(arguments);                                                             \
        return lock_fails(fd, command == F_SETLK || command == F_SETLKW ||             \
                                  command == F_OFD_SETLK || command == F_OFD_SETLKW)   \
                   ? -1                                                                \
                   : REAL(name)(fd, command, argument);                                \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

int mkdir(const char *path, mode_t mode)
{
    return below_folder(path) && fails("mkdir", true) ? -1 : REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to)
{
    return below_folder(from) && fails("rename", true) ? -1 : REAL(rename)(from, to);
}

int unlink(const char *path)
{
    return below_folder(path) && fails("unlink", true) ? -1 : REAL(unlink)(path);
}
