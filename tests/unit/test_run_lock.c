/* SPDX-License-Identifier: BSD-3-Clause */
/* A run folder is locked by one job. */
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
static char reported[400];

static void note_call(const char *holder, void *user)
{
    (void)user;
    calls++;
    if (holder != NULL) {
        snprintf(reported, sizeof reported, "%s", holder);
    }
}

static void a_locked_run_is_refused(void **state)
{
    (void)state;
    char folder[] = "/tmp/shardnet-lock-XXXXXX";
    assert_non_null(mkdtemp(folder));
    sn_error err = {""};
    int first, second;
    calls = 0;
    assert_int_equal(sn_run_lock(folder, 0.3, note_call, NULL, &first, &err), SN_OK);
    assert_true(first >= 0);
    assert_int_equal(calls, 0);
    assert_int_equal(sn_run_lock(folder, 1.3, note_call, NULL, &second, &err),
                     SN_ECREATE);
    assert_int_equal(second, -1);
    assert_true(calls > 0);
    char self[64];
    snprintf(self, sizeof self, "process %ld on ", (long)getpid());
    assert_non_null(strstr(reported, self));
    assert_non_null(strstr(err.message, self));
    sn_run_unlock(folder, &first);
    assert_int_equal(first, -1);
    assert_int_equal(sn_run_lock(folder, 0, note_call, NULL, &second, &err), SN_OK);
    sn_run_unlock(folder, &second);
}

/* A crash of another host: a file server releases the lock after some time. */
static void a_holder_on_another_host_gets_more_time(void **state)
{
    (void)state;
    char folder[] = "/tmp/shardnet-lock-XXXXXX";
    assert_non_null(mkdtemp(folder));
    sn_error err = {""};
    int first, second;
    assert_int_equal(sn_run_lock(folder, 0, note_call, NULL, &first, &err), SN_OK);
    static const char elsewhere[] = "process 1 on no-such-host\n";
    char path[64];
    snprintf(path, sizeof path, "%s/.lock", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(elsewhere, file);
    assert_int_equal(fclose(file), 0);
    const pid_t child = fork();
    if (child == 0) { /* also holds the lock until it ends */
        usleep(1500000);
        _exit(0);
    }
    assert_true(child > 0);
    close(first);
    assert_int_equal(sn_run_lock(folder, 0.3, note_call, NULL, &second, &err), SN_OK);
    assert_true(second >= 0);
    assert_string_equal(reported, "process 1 on no-such-host");
    sn_run_unlock(folder, &second);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void an_unwritable_folder_is_named(void **state)
{
    (void)state;
    sn_error err = {""};
    int lock;
    assert_int_equal(sn_run_lock("/proc", 0, note_call, NULL, &lock, &err), SN_ECREATE);
    assert_non_null(strstr(err.message, "/proc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_locked_run_is_refused),
        cmocka_unit_test(a_holder_on_another_host_gets_more_time),
        cmocka_unit_test(an_unwritable_folder_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
