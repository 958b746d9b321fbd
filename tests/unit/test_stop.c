/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests to stop: the first sets a flag, and a second SIGINT ends the process. */
#include "support.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/system/stop.h"

static const char message[] = "at once";

static void pause_milliseconds(long milliseconds)
{
    const struct timespec pause = {.tv_sec = milliseconds / 1000,
                                   .tv_nsec = milliseconds % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* Raises the signals first and second, with more than one second between; between them
 * it calls sn_stop_finish(code) unless code is negative.  Exits with 1 if the second
 * signal does not end the process. */
static void request_twice(int first, int second, int code)
{
    sn_stop_watch(message);
    (void)raise(first);
    if (sn_stop_requested() != first) {
        _exit(2);
    }
    if (code >= 0) {
        sn_stop_finish(code);
    }
    pause_milliseconds(1200);
    (void)raise(second);
    _exit(1);
}

/* Runs request_twice in a child.  Returns its exit code; printed := its stderr. */
static int run(int first, int second, int code, char printed[64])
{
    int ends[2], result = 0;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        request_twice(first, second, code);
    }
    close(ends[1]);
    const ssize_t got = read(ends[0], printed, 63);
    assert_true(got >= 0);
    printed[got] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

static void a_second_sigint_ends_the_process_with_code_75_and_a_message(void **state)
{
    (void)state;
    char printed[64];
    assert_int_equal(run(SIGINT, SIGINT, -1, printed), 75);
    assert_string_equal(printed, message);
}

static void swallow(int signal_number)
{
    (void)signal_number;
}

/* Runs in a child, whose parent has set the disposition of SIGHUP. */
static int hang_up(bool watch)
{
    sn_stop_inherit();
    (void)signal(SIGHUP, swallow); /* a library, before main */
    sn_stop_reinstall();
    if (watch) {
        sn_stop_watch(NULL);
        (void)signal(SIGHUP, swallow); /* a library, in MPI_Init */
        sn_stop_reinstall();
    }
    (void)raise(SIGHUP);
    return sn_stop_requested();
}

static int result_of_hangup(void (*disposition)(int), bool watch)
{
    int result = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGHUP, disposition);
        _exit(hang_up(watch));
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    return WIFEXITED(result) ? WEXITSTATUS(result) : -WTERMSIG(result);
}

static void handlers_of_libraries_do_not_last(void **state)
{
    (void)state;
    assert_int_equal(result_of_hangup(SIG_DFL, true), SIGHUP);
    assert_int_equal(result_of_hangup(SIG_DFL, false), -SIGHUP);
    assert_int_equal(result_of_hangup(SIG_IGN, true), 0);
    assert_int_equal(result_of_hangup(SIG_IGN, false), 0);
}

static void other_signals_after_the_first_change_nothing(void **state)
{
    (void)state;
    static const int pairs[][2] = {
        {SIGUSR1, SIGTERM}, {SIGTERM, SIGUSR1}, {SIGTERM, SIGINT}, {SIGINT, SIGTERM}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char printed[64];
        assert_int_equal(run(pairs[i][0], pairs[i][1], -1, printed), 1);
        assert_string_equal(printed, "");
    }
}

static void after_sn_stop_finish_a_second_request_ends_without_a_message(void **state)
{
    (void)state;
    static const int codes[] = {0, 75, 76};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char printed[64];
        assert_int_equal(run(SIGUSR1, SIGTERM, codes[i], printed), codes[i]);
        assert_string_equal(printed, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_sigint_ends_the_process_with_code_75_and_a_message),
        cmocka_unit_test(handlers_of_libraries_do_not_last),
        cmocka_unit_test(other_signals_after_the_first_change_nothing),
        cmocka_unit_test(after_sn_stop_finish_a_second_request_ends_without_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
