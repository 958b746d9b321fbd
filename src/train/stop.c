#include "train/stop.h"

#include <signal.h>
#include <stddef.h>

static const int watched[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
enum { WATCHED = sizeof watched / sizeof watched[0] };

/* A signal handler reaches nothing but what is global. */
static volatile sig_atomic_t requested;
static struct sigaction former[WATCHED];
static int watchers;

static void remember(int signal_number)
{
    requested = signal_number;
}

void sn_stop_watch(void)
{
    if (watchers++ > 0) {
        return;
    }
    struct sigaction action = {.sa_handler = remember,
                               .sa_flags = (int)((unsigned)SA_RESTART | SA_RESETHAND)};
    sigemptyset(&action.sa_mask);
    requested = 0;
    for (size_t i = 0; i < WATCHED; i++) {
        sigaction(watched[i], &action, &former[i]);
    }
}

void sn_stop_unwatch(void)
{
    if (--watchers > 0) {
        return;
    }
    for (size_t i = 0; i < WATCHED; i++) {
        sigaction(watched[i], &former[i], NULL);
    }
    requested = 0;
}

int sn_stop_requested(void)
{
    return requested;
}
