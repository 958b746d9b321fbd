/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/stop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "shardnet/status.h"

static const int watched[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP, SIGXCPU};
enum { WATCHED = sizeof watched / sizeof watched[0] };

/* A signal handler can access only static variables. */
static volatile sig_atomic_t requested;
static _Atomic double first_request; /* time of the first signal, or 0 */
static const char *_Atomic last_message;
static volatile sig_atomic_t second_exit_code; /* exit code at a second request */
static struct sigaction previous[WATCHED];
static int watchers;

/* Calls only functions that are async-signal-safe: clock_gettime, write, _exit. */
static void on_signal(int signal_number)
{
    static const double same_request_seconds = 1;
    const double now = sn_clock_seconds();
    double none = 0;
    requested = signal_number;
    if (atomic_compare_exchange_strong(&first_request, &none, now) ||
        now - none <= same_request_seconds) {
        return;
    }
    const char *text = last_message;
    if (text != NULL) {
        const ssize_t written = write(STDERR_FILENO, text, strlen(text));
        (void)written;
    }
    _exit(second_exit_code);
}

void sn_stop_watch(const char *message)
{
    if (watchers++ > 0) {
        return;
    }
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    requested = 0;
    first_request = 0;
    last_message = message;
    second_exit_code = sn_status_exit_code(SN_ESTOPPED);
    for (size_t i = 0; i < WATCHED; i++) {
        sigaction(watched[i], &action, &previous[i]);
        if (watched[i] == SIGHUP && previous[i].sa_handler == SIG_IGN) { /* nohup */
            sigaction(SIGHUP, &previous[i], NULL);
        }
    }
}

void sn_stop_finish(int exit_code)
{
    second_exit_code = exit_code;
    last_message = NULL;
}

void sn_stop_unwatch(void)
{
    if (--watchers > 0) {
        return;
    }
    for (size_t i = 0; i < WATCHED; i++) {
        sigaction(watched[i], &previous[i], NULL);
    }
    requested = 0;
}

int sn_stop_requested(void)
{
    return requested;
}
