/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/system/clock.h"
#include "base/system/file.h"
#include "base/system/stop.h"
#include "base/system/thread.h"
#include "run/lease.h"
#include "store/paths.h"

struct sn_run_lock {
    char run[SN_PATH_BYTES], path[SN_PATH_BYTES];
    char self[SN_HOLDER_BYTES];
    bool beating; /* the thread runs */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* under mutex while the thread runs */
    bool ending;
    int descriptor;                 /* locked if the file system can lock files */
    char expected[SN_HOLDER_BYTES]; /* first line of the file while this job holds it */
};

/* The readings of the lock file by a waiting job. */
typedef struct view {
    char text[SN_LEASE_BYTES];
    double changed; /* time of the last change */
    bool beats;     /* the text has changed since the first look */
} view;

/* Opens the lock file, for reading only, because a file open for writing prevents a
 * read-only remount.  Returns 0 or errno; EINVAL if it is not a file. */
static int open_file(const char *path, int flags, int *descriptor)
{
    struct stat info;
    *descriptor =
        open(path, flags | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (*descriptor < 0) {
        return errno == ELOOP ? EINVAL : errno;
    }
    if (fstat(*descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(*descriptor);
        *descriptor = -1;
        return EINVAL;
    }
    return 0;
}

/* Tries to lock without blocking.  Returns 0 or errno.  NFS locks only files open for
 * writing (EBADF): then opens it again for writing. */
static int try_lock(const char *path, int *descriptor)
{
    if (flock(*descriptor, LOCK_EX | LOCK_NB) == 0) {
        return 0;
    }
    if (errno != EBADF) {
        return errno;
    }
    close(*descriptor);
    const int code = open_file(path, O_RDWR, descriptor);
    if (code != 0) {
        return code;
    }
    return flock(*descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

static void look(view *seen, const char *path)
{
    char text[SN_LEASE_BYTES];
    if (sn_lease_read(path, text, NULL) == 0 && strcmp(text, seen->text) != 0) {
        seen->beats = seen->changed > 0;
        seen->changed = sn_clock_seconds();
        strcpy(seen->text, text);
    } else if (seen->changed <= 0) {
        seen->changed = sn_clock_seconds();
    }
}

/* Returns true if this job may use the run.  code is the result of try_lock. */
static bool is_free(int code, const view *seen, double patience)
{
    char holder[SN_HOLDER_BYTES];
    sn_lease_holder(seen->text, holder);
    const double quiet = sn_clock_seconds() - seen->changed;
    if (code == EWOULDBLOCK) {
        return false;
    }
    return holder[0] == '\0' || quiet >= patience ||
           (code == 0 && (sn_lease_is_local(holder) || quiet >= patience / 4));
}

/* Writes this job into the file.  If the file system cannot lock files, another job may
 * write at the same time: returns false if that job wrote last. */
static bool claim(sn_run_lock *lock, int code, const view *seen)
{
    char text[SN_LEASE_BYTES], holder[SN_HOLDER_BYTES];
    sn_lease_holder(seen->text, lock->expected);
    const bool written = sn_lease_write(lock->path, lock->expected, lock->self);
    if (written) {
        strcpy(lock->expected, lock->self);
    } /* else the file is read-only, the disk is full, or another job was faster */
    if (written && code != 0) {
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    }
    (void)sn_lease_read(lock->path, text, NULL);
    sn_lease_holder(text, holder);
    return strcmp(holder, lock->expected) == 0;
}

/* Decides whether waiting has lasted long enough. */
static sn_status wait_or_refuse(const sn_run_lock *lock, const view *seen,
                                double waited, double patience, sn_error *err)
{
    char holder[SN_HOLDER_BYTES];
    sn_lease_holder(seen->text, holder);
    const char *name = holder[0] != '\0' ? holder : "another process";
    const double quiet = sn_clock_seconds() - seen->changed;
    if (sn_stop_requested() != 0) {
        return sn_fail(err, SN_ESTOPPED,
                       "stopped early on request: run (%s) was locked by %s", lock->run,
                       name);
    }
    if (seen->beats && quiet < patience) {
        return waited < patience
                   ? SN_OK
                   : sn_fail(err, SN_ECREATE,
                             "run (%s): locked by %s, which is running; wait until it "
                             "ends, or choose another --out",
                             lock->run, name);
    }
    return waited < (sn_lease_is_local(holder) ? patience : 6 * patience)
               ? SN_OK
               : sn_fail(
                     err, SN_EBUSY,
                     "run (%s): locked by %s, which is suspended or dead: no "
                     "heartbeat for %.0f s; try again later, or remove " SN_LOCK_FILE
                     " if that process no longer exists",
                     lock->run, name, quiet);
}

static void report_taking(const sn_run_lock *lock, int code, const view *seen,
                          double patience, sn_run_lock_report *report, void *user)
{
    char holder[SN_HOLDER_BYTES];
    sn_error line;
    sn_lease_holder(seen->text, holder);
    if (code == 0) {
        return;
    }
    (void)sn_fail(
        &line, SN_OK,
        "run (%s): this file system cannot lock files (%s); a heartbeat in " SN_LOCK_FILE
        " keeps other jobs out",
        lock->run, strerror(code));
    report(line.message, user);
    if (holder[0] != '\0') {
        (void)sn_fail(&line, SN_OK,
                      "run (%s): no heartbeat of %s for %.0f s; this job continues the "
                      "run",
                      lock->run, holder, patience);
        report(line.message, user);
    }
}

static sn_status refuse_file(const sn_run_lock *lock, int code, sn_error *err)
{
    return code == EINVAL
               ? sn_fail(err, SN_ECREATE,
                         "run (%s): " SN_LOCK_FILE " is not a lock file; remove it",
                         lock->run)
               : sn_fail(err, SN_ECREATE,
                         "run (%s): cannot create " SN_LOCK_FILE
                         ": %s; choose a writable path",
                         lock->run, strerror(code));
}

static void report_waiting(const sn_run_lock *lock, const view *seen,
                           sn_run_lock_report *report, void *user)
{
    sn_error line;
    char holder[SN_HOLDER_BYTES];
    if (seen != NULL) {
        sn_lease_holder(seen->text, holder);
        (void)sn_fail(&line, SN_OK, "run (%s): locked by %s; waiting until it ends",
                      lock->run, holder[0] != '\0' ? holder : "another process");
    }
    report(seen != NULL ? line.message : NULL, user);
}

/* Waits until the run is free.  Opens the file at each attempt, because the former
 * holder may have removed it. */
static sn_status take(sn_run_lock *lock, double patience, sn_run_lock_report *report,
                      void *user, sn_error *err)
{
    const double begun = sn_clock_seconds();
    view seen = {.changed = 0};
    for (int calls = 0;;) {
        if (lock->descriptor >= 0) {
            close(lock->descriptor);
        }
        int code = open_file(lock->path, O_RDONLY, &lock->descriptor);
        if (code != 0) {
            return refuse_file(lock, code, err);
        }
        code = try_lock(lock->path, &lock->descriptor);
        look(&seen, lock->path);
        if (seen.text[0] != '\0' && strncmp(seen.text, "process ", 8) != 0) {
            return refuse_file(lock, EINVAL, err);
        }
        if (is_free(code, &seen, patience) && claim(lock, code, &seen)) {
            report_taking(lock, code, &seen, patience, report, user);
            return SN_OK;
        }
        const double waited = sn_clock_seconds() - begun;
        const sn_status status = wait_or_refuse(lock, &seen, waited, patience, err);
        if (status != SN_OK) {
            return status;
        }
        if (waited >= calls + 1) {
            report_waiting(lock, calls++ == 0 ? &seen : NULL, report, user);
        }
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
}

static void *refresh(void *user)
{
    sn_run_lock *lock = user;
    struct timespec next;
    pthread_mutex_lock(&lock->mutex);
    while (!lock->ending) {
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_sec += 1;
        (void)pthread_cond_timedwait(&lock->changed, &lock->mutex, &next);
        if (!lock->ending && sn_lease_write(lock->path, lock->expected, lock->self)) {
            strcpy(lock->expected, lock->self);
        }
    }
    pthread_mutex_unlock(&lock->mutex);
    return NULL;
}

static sn_status start_beating(sn_run_lock *lock, sn_error *err)
{
    lock->beating = sn_thread_start(&lock->thread, refresh, lock) == 0;
    return lock->beating ? SN_OK
                         : sn_fail(err, SN_EINTERNAL,
                                   "run (%s): cannot create a thread; raise the limit "
                                   "on processes (ulimit -u)",
                                   lock->run);
}

static sn_run_lock *create(void)
{
    pthread_condattr_t monotonic;
    sn_run_lock *lock = calloc(1, sizeof *lock);
    if (lock != NULL) {
        lock->descriptor = -1;
        sn_lease_self(lock->self);
        (void)pthread_mutex_init(&lock->mutex, NULL);
        (void)pthread_condattr_init(&monotonic);
        (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&lock->changed, &monotonic);
        (void)pthread_condattr_destroy(&monotonic);
    }
    return lock;
}

sn_status sn_run_lock_acquire(const char *run, double patience,
                              sn_run_lock_report *report, void *user,
                              sn_run_lock **lock, sn_error *err)
{
    *lock = create();
    if (*lock == NULL) {
        return sn_fail(err, SN_ENOMEM, "run (%s): out of memory", run);
    }
    sn_status status = sn_path_format((*lock)->run, err, "%s", run);
    if (status == SN_OK) {
        status = sn_path_join((*lock)->path, run, SN_LOCK_FILE, err);
    }
    if (status == SN_OK) {
        status = take(*lock, patience, report, user, err);
    }
    if (status == SN_OK) {
        status = start_beating(*lock, err);
    }
    if (status != SN_OK) {
        sn_run_lock_release(lock);
    }
    return status;
}

/* Locks the file that is now at the path instead of the former file; open gets flags,
 * too.  Returns false if another job holds the file.  Ignores other failures, because
 * the caller then cannot write either, and checks again. */
static bool lock_again(sn_run_lock *lock, int flags)
{
    int descriptor;
    int code = open_file(lock->path, O_RDONLY | flags, &descriptor);
    if (code != 0) {
        return code != EEXIST;
    }
    /* sn_run_lock_holder of another process may hold the lock for a moment */
    for (int tries = 0; tries < 20; tries++) {
        code = try_lock(lock->path, &descriptor);
        if (code != EWOULDBLOCK) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    if (code == EWOULDBLOCK || descriptor < 0) {
        close(descriptor);
        return code != EWOULDBLOCK;
    }
    close(lock->descriptor);
    lock->descriptor = descriptor;
    if (sn_lease_write(lock->path, lock->expected, lock->self)) {
        strcpy(lock->expected, lock->self);
    }
    return true;
}

/* True unless the lock file is another job's; holder := its first line. */
static bool is_own(sn_run_lock *lock, char holder[SN_HOLDER_BYTES])
{
    char text[SN_LEASE_BYTES];
    struct stat now, locked;
    const int code = sn_lease_read(lock->path, text, &now);
    sn_lease_holder(text, holder);
    if (code == ENOENT || code == ENOTDIR) {
        return sn_folder_create(lock->run, NULL) != SN_OK || lock_again(lock, O_EXCL);
    }
    if (code != 0) {
        return true; /* it cannot be read now, for example because of EIO */
    }
    if (fstat(lock->descriptor, &locked) == 0 && now.st_dev == locked.st_dev &&
        now.st_ino == locked.st_ino) {
        return holder[0] == '\0' || strcmp(holder, lock->expected) == 0;
    }
    /* a copy of the folder has this job's lock file */
    return holder[0] != '\0' && strcmp(holder, lock->expected) == 0 &&
           lock_again(lock, 0);
}

sn_status sn_run_lock_check(sn_run_lock *lock, sn_error *err)
{
    char holder[SN_HOLDER_BYTES];
    if (lock == NULL) {
        return SN_OK;
    }
    pthread_mutex_lock(&lock->mutex);
    const bool own = is_own(lock, holder);
    pthread_mutex_unlock(&lock->mutex);
    return own ? SN_OK
               : sn_fail(err, SN_ETAKEN,
                         "run (%s): taken over by %s while this job trained; this job "
                         "writes nothing more; choose another --out",
                         lock->run, holder[0] != '\0' ? holder : "another process");
}

void sn_run_lock_release(sn_run_lock **lock)
{
    if (*lock == NULL) {
        return;
    }
    if ((*lock)->beating) {
        pthread_mutex_lock(&(*lock)->mutex);
        (*lock)->ending = true;
        pthread_cond_broadcast(&(*lock)->changed);
        pthread_mutex_unlock(&(*lock)->mutex);
        (void)pthread_join((*lock)->thread, NULL);
        sn_lease_clear((*lock)->path, (*lock)->self);
    }
    if ((*lock)->descriptor >= 0) {
        close((*lock)->descriptor);
    }
    pthread_mutex_destroy(&(*lock)->mutex);
    pthread_cond_destroy(&(*lock)->changed);
    free(*lock);
    *lock = NULL;
}

void sn_run_lock_holder(const char *run, char holder[SN_HOLDER_BYTES])
{
    static const double patience_seconds = 6;
    char path[SN_PATH_BYTES];
    view seen = {.changed = 0};
    holder[0] = '\0';
    const int lock = sn_path_join(path, run, SN_LOCK_FILE, NULL) == SN_OK
                         ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
                         : -1;
    if (lock < 0) {
        return;
    }
    const int code = flock(lock, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
    close(lock);
    look(&seen, path);
    while (!is_free(code, &seen, patience_seconds) && code != EWOULDBLOCK &&
           !seen.beats) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        look(&seen, path);
    }
    if (code == EWOULDBLOCK || seen.beats) {
        sn_lease_holder(seen.text, holder);
    }
    if (code == EWOULDBLOCK && holder[0] == '\0') {
        strcpy(holder, "another process");
    }
}
