/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests to stop: the first sets a flag, a second one ends the process with what is
 * true at that moment. */
#include "support.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/stop.h"

static const char last_words[] = "at once";

static void pause_milliseconds(long milliseconds)
{
    const struct timespec pause = {.tv_sec = milliseconds / 1000,
                                   .tv_nsec = milliseconds % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* Asks twice, as far apart as makes two requests; concludes with code between them
 * unless it is negative.  Ends with 1 where the second request does not end it. */
static void ask_twice(int code)
{
    sn_stop_watch(last_words);
    (void)raise(SIGUSR1);
    if (sn_stop_requested() != SIGUSR1) {
        _exit(2);
    }
    if (code >= 0) {
        sn_stop_finish(code);
    }
    pause_milliseconds(1200);
    (void)raise(SIGTERM);
    _exit(1);
}

/* The exit code of a process that asks twice, and what it says on stderr. */
static int run(int code, char said[64])
{
    int ends[2], result = 0;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        ask_twice(code);
    }
    close(ends[1]);
    const ssize_t got = read(ends[0], said, 63);
    assert_true(got >= 0);
    said[got] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

static void a_second_request_ends_with_last_words(void **state)
{
    (void)state;
    char said[64];
    assert_int_equal(run(-1, said), 75);
    assert_string_equal(said, last_words);
}

static void after_the_end_it_says_nothing(void **state)
{
    (void)state;
    static const int codes[] = {0, 75, 76};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char said[64];
        assert_int_equal(run(codes[i], said), codes[i]);
        assert_string_equal(said, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_request_ends_with_last_words),
        cmocka_unit_test(after_the_end_it_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
