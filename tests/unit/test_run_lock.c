/* SPDX-License-Identifier: BSD-3-Clause */
/* A run folder is locked by one job. */
#define _GNU_SOURCE /* usleep */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/system/clock.h"
#include "base/system/file.h"
#include "base/system/stop.h"
#include "run/lock.h"

int __real_flock(int descriptor, int operation);
int __wrap_flock(int descriptor, int operation);

static int lock_error; /* errno of every flock, 0 if the file system can lock */

int __wrap_flock(int descriptor, int operation)
{
    if (lock_error != 0) {
        errno = lock_error;
        return -1;
    }
    return __real_flock(descriptor, operation);
}

/* File systems with locks and without; 524 is ENOTSUPP of the kernel. */
static const int lock_errors[] = {0, ENOSYS, 524};

static char folder[64], path[80], other[80];
static int calls, lines;
static char reported[2000]; /* all messages */

static void note_call(const char *message, void *user)
{
    (void)user;
    calls++;
    if (message != NULL) {
        lines++;
        strncat(reported, message, sizeof reported - strlen(reported) - 1);
    }
}

static int begin(void **state)
{
    (void)state;
    strcpy(folder, "/dev/shm/shardnet-lock-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/.lock", folder);
    snprintf(other, sizeof other, "%s.moved", folder);
    lock_error = calls = lines = 0;
    reported[0] = '\0';
    return 0;
}

static int end(void **state)
{
    (void)state;
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s %s", folder, other);
    return system(command);
}

static sn_status acquire(double patience, sn_run_lock **lock, sn_error *err)
{
    return sn_run_lock_acquire(folder, patience, note_call, NULL, lock, err);
}

static void write_lock(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* A process that will hold the run for some seconds.  ThreadSanitizer permits a fork
 * only while this process has no thread: before it holds a run. */
static pid_t prepare_job(double seconds, int go[2], int ready[2])
{
    char byte;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        sn_run_lock *lock;
        sn_error err;
        if (read(go[0], &byte, 1) != 1 || acquire(0, &lock, &err) != SN_OK ||
            write(ready[1], "", 1) != 1) {
            _exit(1);
        }
        usleep((useconds_t)(1e6 * seconds));
        sn_run_lock_release(&lock);
        _exit(0);
    }
    assert_true(child > 0);
    close(go[0]);
    close(ready[1]);
    return child;
}

/* The process holds the run when this returns. */
static void begin_job(const int go[2], const int ready[2])
{
    char byte;
    assert_int_equal(write(go[1], "", 1), 1);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(go[1]);
    close(ready[0]);
}

static pid_t start_job(double seconds)
{
    int go[2], ready[2];
    const pid_t child = prepare_job(seconds, go, ready);
    begin_job(go, ready);
    return child;
}

static void kill_job(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void expect_exit(pid_t child)
{
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
}

static void a_running_job_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lock_errors / sizeof lock_errors[0]; i++) {
        lock_error = lock_errors[i];
        const pid_t child = start_job(60);
        sn_error err = {""};
        sn_run_lock *lock;
        char holder[64];
        snprintf(holder, sizeof holder, "locked by process %ld on ", (long)child);
        assert_int_equal(acquire(4, &lock, &err), SN_ECREATE);
        assert_null(lock);
        assert_true(calls > 0);
        assert_int_equal(lines, 1);
        assert_non_null(strstr(reported, holder));
        assert_non_null(strstr(err.message, holder));
        assert_non_null(strstr(err.message, "which is running"));
        kill_job(child);
        unlink(path);
        calls = lines = 0;
        reported[0] = '\0';
    }
}

static void a_released_run_is_free(void **state)
{
    (void)state;
    sn_error err = {""};
    sn_run_lock *lock;
    for (int i = 0; i < 2; i++) {
        lock_error = i == 0 ? 0 : ENOLCK;
        assert_int_equal(acquire(0, &lock, &err), SN_OK);
        assert_int_equal(sn_run_lock_check(lock, &err), SN_OK);
        sn_run_lock_release(&lock);
        assert_null(lock);
    }
    assert_int_equal(lines, 1);
    assert_non_null(strstr(reported, "cannot lock files (No locks available)"));
    expect_exit(start_job(0));
}

/* A waiting job locks the run as soon as the holder has released it. */
static void a_job_waits_for_the_holder(void **state)
{
    (void)state;
    sn_error err = {""};
    sn_run_lock *lock;
    for (int i = 0; i < 2; i++) {
        lock_error = i == 0 ? 0 : ENOSYS;
        const pid_t child = start_job(1.5);
        assert_int_equal(acquire(20, &lock, &err), SN_OK);
        assert_int_equal(sn_run_lock_check(lock, &err), SN_OK);
        sn_run_lock_release(&lock);
        expect_exit(child);
    }
}

static void the_lock_of_a_dead_job_is_free(void **state)
{
    (void)state;
    sn_error err = {""};
    sn_run_lock *lock;
    kill_job(start_job(60));
    assert_int_equal(acquire(20, &lock, &err), SN_OK); /* the kernel has released it */
    assert_int_equal(calls, 0);
    sn_run_lock_release(&lock);

    lock_error = ENOLCK; /* only the silence of its heartbeat shows that it is dead */
    kill_job(start_job(60));
    assert_int_equal(acquire(1.5, &lock, &err), SN_OK);
    assert_non_null(strstr(reported, "no heartbeat of process "));
    assert_non_null(strstr(reported, "this job continues the run"));
    sn_run_lock_release(&lock);
}

/* A child holds the file lock, as a file server does for a dead client. */
static pid_t keep_file_lock(double seconds)
{
    const int descriptor = open(path, O_RDONLY);
    assert_true(descriptor >= 0);
    assert_int_equal(__real_flock(descriptor, LOCK_EX), 0);
    const pid_t child = fork();
    if (child == 0) {
        usleep((useconds_t)(1e6 * seconds));
        _exit(0);
    }
    assert_true(child > 0);
    close(descriptor);
    return child;
}

static void a_silent_holder_on_another_host_gets_more_time(void **state)
{
    (void)state;
    sn_error err = {""};
    sn_run_lock *lock;
    write_lock("process 1 on no-such-host\n");
    pid_t child = keep_file_lock(2.5);
    assert_int_equal(acquire(1, &lock, &err), SN_OK);
    assert_non_null(strstr(reported, "locked by process 1 on no-such-host"));
    sn_run_lock_release(&lock);
    expect_exit(child);

    write_lock("process 1 on no-such-host\n");
    child = keep_file_lock(60);
    assert_int_equal(acquire(0.1, &lock, &err), SN_EBUSY);
    assert_int_equal(sn_status_exit_code(SN_EBUSY), 75);
    assert_non_null(strstr(err.message, "suspended or dead: no heartbeat for 1 s"));
    kill_job(child);
}

/* On some mounts a file lock is valid on one host only. */
static void a_running_job_on_another_host_is_noticed_without_its_file_lock(void **state)
{
    (void)state;
    sn_error err = {""};
    sn_run_lock *lock;
    write_lock("process 1 on no-such-host\n");
    const pid_t child = fork();
    if (child == 0) {
        for (int beat = 0;; beat++) {
            char text[100];
            snprintf(text, sizeof text, "process 1 on no-such-host\nheartbeat %010d\n",
                     beat);
            const int descriptor = open(path, O_WRONLY);
            (void)!write(descriptor, text, strlen(text));
            close(descriptor);
            usleep(200000);
        }
    }
    assert_true(child > 0);
    assert_int_equal(acquire(8, &lock, &err), SN_ECREATE);
    kill_job(child);
    assert_int_equal(acquire(4, &lock, &err), SN_OK);
    sn_run_lock_release(&lock);
}

static void a_request_to_stop_ends_the_wait(void **state)
{
    (void)state;
    sn_error err = {""};
    sn_run_lock *lock;
    const pid_t child = start_job(60);
    sn_stop_watch(NULL);
    assert_int_equal(raise(SIGUSR1), 0);
    const double begun = sn_clock_seconds();
    assert_int_equal(acquire(30, &lock, &err), SN_ESTOPPED);
    assert_true(sn_clock_seconds() - begun < 15);
    sn_stop_unwatch();
    kill_job(child);
}

static void a_moved_folder_is_locked_again(void **state)
{
    (void)state;
    sn_error err = {""};
    sn_run_lock *lock, *second;
    assert_int_equal(acquire(0, &lock, &err), SN_OK);
    assert_int_equal(rename(folder, other), 0);
    assert_int_equal(sn_run_lock_check(lock, &err), SN_OK);
    assert_true(sn_file_exists(path));
    assert_int_equal(acquire(0, &second, &err), SN_EBUSY);
    assert_int_equal(sn_run_lock_check(lock, &err), SN_OK);
    sn_run_lock_release(&lock);
}

static void a_folder_that_another_job_has_taken_is_left_alone(void **state)
{
    (void)state;
    sn_error err = {""};
    sn_run_lock *lock;
    for (int i = 0; i < 3; i++) {
        int go[2], ready[2];
        lock_error = i == 2 ? ENOLCK : 0;
        const pid_t child = prepare_job(i == 1 ? 0 : 60, go, ready);
        assert_int_equal(acquire(0, &lock, &err), SN_OK);
        assert_int_equal(rename(folder, other), 0);
        assert_int_equal(mkdir(folder, 0777), 0);
        begin_job(go, ready);
        if (i == 1) { /* it has ended, and its files are there */
            expect_exit(child);
        }
        assert_int_equal(sn_run_lock_check(lock, &err), SN_ETAKEN);
        assert_int_equal(sn_status_exit_code(SN_ETAKEN), 74);
        assert_non_null(strstr(err.message, i == 1 ? "another process" : "process "));
        sn_run_lock_release(&lock);
        if (i != 1) {
            struct stat info; /* the lock of the other job is not emptied */
            assert_int_equal(stat(path, &info), 0);
            assert_true(info.st_size > 0);
            kill_job(child);
        }
        assert_int_equal(end(NULL), 0);
        assert_int_equal(mkdir(folder, 0777), 0);
    }
}

static void a_stopped_job_whose_run_was_taken_over_notices_it(void **state)
{
    (void)state;
    sn_error err = {""};
    sn_run_lock *lock;
    lock_error = EOPNOTSUPP;
    assert_int_equal(acquire(0, &lock, &err), SN_OK);
    write_lock("process 1 on no-such-host\nheartbeat 1\n");
    assert_int_equal(sn_run_lock_check(lock, &err), SN_ETAKEN);
    assert_non_null(strstr(err.message, "taken over by process 1 on no-such-host"));
    sn_run_lock_release(&lock);
}

static void a_lock_file_of_somebody_else_is_left_alone(void **state)
{
    (void)state;
    sn_error err = {""};
    sn_run_lock *lock;
    char target[80], text[20] = "";
    snprintf(target, sizeof target, "%s/target", folder);
    write_lock("precious\n");
    assert_int_equal(acquire(0, &lock, &err), SN_ECREATE); /* a hard link, perhaps */
    assert_non_null(strstr(err.message, "not a lock file"));
    assert_int_equal(rename(path, target), 0);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(acquire(0, &lock, &err), SN_ECREATE);
    assert_non_null(strstr(err.message, "not a lock file"));
    FILE *file = fopen(target, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, "precious\n");
    unlink(path);
    assert_int_equal(mkfifo(path, 0666), 0);
    assert_int_equal(acquire(0, &lock, &err), SN_ECREATE);
}

static void an_unwritable_folder_is_named(void **state)
{
    (void)state;
    sn_error err = {""};
    sn_run_lock *lock;
    assert_int_equal(sn_run_lock_acquire("/proc", 0, note_call, NULL, &lock, &err),
                     SN_ECREATE);
    assert_non_null(strstr(err.message, "/proc"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_running_job_is_noticed),
        TEST(a_released_run_is_free),
        TEST(a_job_waits_for_the_holder),
        TEST(the_lock_of_a_dead_job_is_free),
        TEST(a_silent_holder_on_another_host_gets_more_time),
        TEST(a_running_job_on_another_host_is_noticed_without_its_file_lock),
        TEST(a_request_to_stop_ends_the_wait),
        TEST(a_moved_folder_is_locked_again),
        TEST(a_folder_that_another_job_has_taken_is_left_alone),
        TEST(a_stopped_job_whose_run_was_taken_over_notices_it),
        TEST(a_lock_file_of_somebody_else_is_left_alone),
        TEST(an_unwritable_folder_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
