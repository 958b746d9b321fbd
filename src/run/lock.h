/* SPDX-License-Identifier: BSD-3-Clause */
/** A run folder is locked by one job.  Not collective. */
#ifndef SHARDNET_RUN_LOCK_H
#define SHARDNET_RUN_LOCK_H

#include "shardnet/status.h"

/** Bytes of the text "process PID on HOST". */
enum { SN_HOLDER_BYTES = 320 };

/** Callback for every second of waiting.  holder describes the process that holds the
 *  lock at the first call and is NULL later. */
typedef void sn_run_lock_waiting(const char *holder, void *user);

/** Locks RUN/.lock until sn_run_unlock or the end of the process.  Waits up to patience
 *  seconds for a holder on this host, and six times as long for one on another host,
 *  because a file server keeps the lock of a crashed host for some time.  Returns SN_OK
 *  with *descriptor = -1 if the file system does not support locks.  Errors: SN_ECREATE
 *  if the lock cannot be created or stays busy; err then names the holder. */
sn_status sn_run_lock(const char *run, double patience, sn_run_lock_waiting *waiting,
                      void *user, int *descriptor, sn_error *err) SN_MUST_CHECK;

/** Releases the lock and sets *descriptor to -1.  Accepts -1. */
void sn_run_unlock(const char *run, int *descriptor);

/** Writes a description of the process that holds the lock of a run to holder, "" if
 *  none holds it.  Changes nothing in the folder. */
void sn_run_lock_holder(const char *run, char holder[SN_HOLDER_BYTES]);

#endif
