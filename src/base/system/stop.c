/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/system/stop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/system/clock.h"
#include "shardnet/status.h"

static const int watched[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP, SIGXCPU};
enum { WATCHED = sizeof watched / sizeof watched[0] };

/* A signal handler can access only static variables. */
static volatile sig_atomic_t requested;
static _Atomic double first_request;   /* time of the first signal, or 0 */
static _Atomic double first_interrupt; /* time of the first SIGINT, or 0 */
static const char *_Atomic last_message;
static volatile sig_atomic_t exit_code; /* code with which a signal ends the process */
static volatile sig_atomic_t finished;
static struct sigaction previous[WATCHED];
static int watchers;
static struct sigaction inherited[WATCHED];
static bool knows_inherited;

/* Returns true if the request at the time *first is another one; sets *first if there
 * is none. */
static bool is_repeated(_Atomic double *first, double now)
{
    static const double same_request_seconds = 1;
    double none = 0;
    return !atomic_compare_exchange_strong(first, &none, now) &&
           now - none > same_request_seconds;
}

/* Calls only functions that are async-signal-safe: clock_gettime, write, _exit. */
static void on_signal(int signal_number)
{
    const double now = sn_clock_seconds();
    const bool again = is_repeated(&first_request, now);
    const bool interrupted_again =
        signal_number == SIGINT && is_repeated(&first_interrupt, now);
    requested = signal_number;
    if (!interrupted_again && !(finished && again)) {
        return;
    }
    const char *text = last_message;
    if (text != NULL) {
        const ssize_t written = write(STDERR_FILENO, text, strlen(text));
        (void)written;
    }
    _exit(exit_code);
}

static void install_handlers(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < WATCHED; i++) {
        const bool nohup = watched[i] == SIGHUP && previous[i].sa_handler == SIG_IGN;
        sigaction(watched[i], nohup ? &previous[i] : &action, NULL);
    }
}

void sn_stop_inherit(void)
{
    for (size_t i = 0; i < WATCHED; i++) {
        sigaction(watched[i], NULL, &inherited[i]);
    }
    knows_inherited = true;
}

void sn_stop_reinstall(void)
{
    if (watchers > 0) {
        install_handlers();
    }
    for (size_t i = 0; watchers == 0 && knows_inherited && i < WATCHED; i++) {
        sigaction(watched[i], &inherited[i], NULL);
    }
}

void sn_stop_watch(const char *message)
{
    if (watchers++ > 0) {
        return;
    }
    requested = 0;
    first_request = first_interrupt = 0;
    finished = 0;
    last_message = message;
    exit_code = sn_status_exit_code(SN_ESTOPPED);
    for (size_t i = 0; i < WATCHED; i++) {
        sigaction(watched[i], NULL, &previous[i]);
    }
    install_handlers();
}

void sn_stop_finish(int code)
{
    exit_code = code;
    last_message = NULL;
    finished = 1;
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
