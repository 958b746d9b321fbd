/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/system/thread.h"

#include <signal.h>
#include <stddef.h>

int sn_thread_start(pthread_t *thread, void *(*work)(void *), void *user)
{
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    const int failed = pthread_create(thread, NULL, work, user);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    return failed;
}
