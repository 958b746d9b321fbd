/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/paths.h"

/* Reads the text "process PID on HOST". */
static void read_holder(int descriptor, char holder[SN_HOLDER_BYTES])
{
    const ssize_t length = pread(descriptor, holder, SN_HOLDER_BYTES - 1, 0);
    holder[length > 0 ? length : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    if (holder[0] == '\0') {
        strcpy(holder, "another process");
    }
}

/* Writes the holder for messages of waiting jobs.  Errors are ignored: waiting works
 * without the text. */
static void write_holder(const char *path, const char *holder)
{
    const int descriptor = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)dprintf(descriptor, "%s", holder);
        close(descriptor);
    }
}

/* Tries to lock without blocking.  Returns 0 or errno.  The file is open for reading,
 * because a file open for writing prevents a read-only remount.  NFS locks only files
 * open for writing (EBADF): then opens it again for writing. */
static int try_lock(int *descriptor, const char *path)
{
    if (flock(*descriptor, LOCK_EX | LOCK_NB) == 0) {
        return 0;
    }
    if (errno != EBADF) {
        return errno;
    }
    const int writable = open(path, O_RDWR | O_CLOEXEC);
    if (writable < 0) {
        return errno;
    }
    close(*descriptor);
    *descriptor = writable;
    return flock(writable, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

static bool is_on_this_host(const char *holder)
{
    char host[256] = "";
    const char *at = strstr(holder, " on ");
    (void)gethostname(host, sizeof host - 1);
    return at != NULL && strcmp(at + 4, host) == 0;
}

/* Tries until the lock is free or the time is over.  Calls waiting once per second,
 * first after one second: a killed job usually ends within it. */
static sn_status wait_for_lock(int *descriptor, const char *path, const char *run,
                               double patience, sn_run_lock_waiting *waiting,
                               void *user, int *code, sn_error *err)
{
    const double begun = sn_clock_seconds();
    int calls = 0;
    while ((*code = try_lock(descriptor, path)) == EWOULDBLOCK) {
        char holder[SN_HOLDER_BYTES];
        read_holder(*descriptor, holder);
        const double waited = sn_clock_seconds() - begun;
        if (waited >= (is_on_this_host(holder) ? patience : 6 * patience)) {
            return sn_fail(err, SN_ECREATE,
                           "run (%s): locked by %s; wait until it ends, choose another "
                           "--out, or remove " SN_LOCK_FILE
                           " if that process no longer exists",
                           run, holder);
        }
        if (waited >= calls + 1) {
            waiting(calls++ == 0 ? holder : NULL, user);
        }
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return SN_OK;
}

sn_status sn_run_lock(const char *run, double patience, sn_run_lock_waiting *waiting,
                      void *user, int *descriptor, sn_error *err)
{
    char path[SN_PATH_BYTES];
    *descriptor = -1;
    sn_status status = sn_path_join(path, run, SN_LOCK_FILE, err);
    if (status != SN_OK) {
        return status;
    }
    int lock = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0666);
    if (lock < 0) {
        return sn_fail(err, SN_ECREATE,
                       "run (%s): cannot create " SN_LOCK_FILE
                       ": %s; choose a writable path",
                       run, strerror(errno));
    }
    int code;
    status = wait_for_lock(&lock, path, run, patience, waiting, user, &code, err);
    if (status != SN_OK || code != 0) {
        close(lock);
        return status;
    }
    char host[256] = "", holder[SN_HOLDER_BYTES];
    (void)gethostname(host, sizeof host - 1);
    snprintf(holder, sizeof holder, "process %ld on %s\n", (long)getpid(), host);
    write_holder(path, holder);
    *descriptor = lock;
    return SN_OK;
}

void sn_run_unlock(const char *run, int *descriptor)
{
    char path[SN_PATH_BYTES];
    if (*descriptor < 0) {
        return;
    }
    if (sn_path_join(path, run, SN_LOCK_FILE, NULL) == SN_OK) {
        write_holder(path, "");
    }
    close(*descriptor);
    *descriptor = -1;
}

void sn_run_lock_holder(const char *run, char holder[SN_HOLDER_BYTES])
{
    char path[SN_PATH_BYTES];
    holder[0] = '\0';
    const int lock = sn_path_join(path, run, SN_LOCK_FILE, NULL) == SN_OK
                         ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
                         : -1;
    if (lock < 0) {
        return;
    }
    if (flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        read_holder(lock, holder);
    }
    close(lock);
}
