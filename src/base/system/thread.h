/* SPDX-License-Identifier: BSD-3-Clause */
/** Starts the threads that run beside training. */
#ifndef SHARDNET_BASE_SYSTEM_THREAD_H
#define SHARDNET_BASE_SYSTEM_THREAD_H

#include <pthread.h>

/** Starts a thread with all signals blocked, so that the caller's thread handles them.
 *  Returns 0 or an error number. */
int sn_thread_start(pthread_t *thread, void *(*work)(void *), void *user);

#endif
