/* SPDX-License-Identifier: BSD-3-Clause */
/** One job at a time in the folder of a run. */
#ifndef SHARDNET_RUN_LOCK_H
#define SHARDNET_RUN_LOCK_H

#include "shardnet/status.h"

/** Called after every second of a wait; the first time with who is waited for. */
typedef void sn_run_lock_waiting(const char *holder, void *user);

/** Locks RUN/.lock until sn_run_unlock or the end of the process; waits for a holder
 *  on this host patience seconds, and six times that for one on another host, whose
 *  lock a file server keeps for a while after a crash.  *descriptor is -1, with SN_OK,
 *  where the file system has no locks.  SN_ECREATE when it stays busy, naming the
 *  holder. */
sn_status sn_run_lock(const char *run, double patience, sn_run_lock_waiting *waiting,
                      void *user, int *descriptor, sn_error *err) SN_MUST_CHECK;

/** Frees it; accepts -1. */
void sn_run_unlock(const char *run, int *descriptor);

#endif
