/* SPDX-License-Identifier: BSD-3-Clause */
/* One job at a time in a run. */
#define _DEFAULT_SOURCE /* usleep */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "run/lock.h"

static int calls;
static char told[400];

static void note(const char *holder, void *user)
{
    (void)user;
    calls++;
    if (holder != NULL) {
        snprintf(told, sizeof told, "%s", holder);
    }
}

static void a_busy_run_is_refused(void **state)
{
    (void)state;
    char folder[] = "/tmp/shardnet-lock-XXXXXX";
    assert_non_null(mkdtemp(folder));
    sn_error err = {""};
    int first, second;
    calls = 0;
    assert_int_equal(sn_run_lock(folder, 0.3, note, NULL, &first, &err), SN_OK);
    assert_true(first >= 0);
    assert_int_equal(calls, 0);
    assert_int_equal(sn_run_lock(folder, 1.3, note, NULL, &second, &err), SN_ECREATE);
    assert_int_equal(second, -1);
    assert_true(calls > 0);
    char self[64];
    snprintf(self, sizeof self, "process %ld on ", (long)getpid());
    assert_non_null(strstr(told, self));
    assert_non_null(strstr(err.message, self));
    sn_run_unlock(folder, &first);
    assert_int_equal(first, -1);
    assert_int_equal(sn_run_lock(folder, 0, note, NULL, &second, &err), SN_OK);
    sn_run_unlock(folder, &second);
}

/* As after a crash of the node that trained: its lock goes in the end. */
static void another_host_gets_more_time(void **state)
{
    (void)state;
    char folder[] = "/tmp/shardnet-lock-XXXXXX";
    assert_non_null(mkdtemp(folder));
    sn_error err = {""};
    int first, second;
    assert_int_equal(sn_run_lock(folder, 0, note, NULL, &first, &err), SN_OK);
    static const char elsewhere[] = "process 1 on no-such-host\n";
    char path[64];
    snprintf(path, sizeof path, "%s/.lock", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(elsewhere, file);
    assert_int_equal(fclose(file), 0);
    const pid_t child = fork();
    if (child == 0) { /* holds the lock, too, until it ends */
        usleep(1500000);
        _exit(0);
    }
    assert_true(child > 0);
    close(first);
    assert_int_equal(sn_run_lock(folder, 0.3, note, NULL, &second, &err), SN_OK);
    assert_true(second >= 0);
    assert_string_equal(told, "process 1 on no-such-host");
    sn_run_unlock(folder, &second);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_folder_that_forbids_it_is_named(void **state)
{
    (void)state;
    sn_error err = {""};
    int lock;
    assert_int_equal(sn_run_lock("/proc", 0, note, NULL, &lock, &err), SN_ECREATE);
    assert_non_null(strstr(err.message, "/proc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_run_is_refused),
        cmocka_unit_test(another_host_gets_more_time),
        cmocka_unit_test(a_folder_that_forbids_it_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
