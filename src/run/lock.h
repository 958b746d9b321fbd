/* SPDX-License-Identifier: BSD-3-Clause */
/** A run folder is locked by one job, by a file lock and by a heartbeat (lease.h) in
 *  the same file.  Not collective. */
#ifndef SHARDNET_RUN_LOCK_H
#define SHARDNET_RUN_LOCK_H

#include "run/lease.h"
#include "shardnet/status.h"

typedef struct sn_run_lock sn_run_lock;

/** Callback for every second of waiting, with message NULL, and for a message to the
 *  user. */
typedef void sn_run_lock_report(const char *message, void *user);

/** Locks RUN/.lock and starts a thread that refreshes its heartbeat.
 *
 *  Waits while another job holds the run.  If that job's heartbeat changes, it runs:
 *  the function returns SN_ECREATE after patience seconds.  If it does not change, the
 *  job is suspended, or dead and a file server still holds its lock: the function
 *  returns SN_EBUSY after patience seconds, after six times as long for another host.
 *
 *  If the file system cannot lock files, the function prints one warning, and locks the
 *  run if the holder's heartbeat has not changed for patience seconds.  If it can, the
 *  function still waits a quarter of patience for the heartbeat of a holder on another
 *  host, because some mounts lock files on one host only.
 *
 *  A stop request ends the wait with SN_ESTOPPED.  Other errors: SN_ECREATE if the
 *  file cannot be created or is not a lock file, SN_ENOMEM, SN_EINTERNAL. */
sn_status sn_run_lock_acquire(const char *run, double patience,
                              sn_run_lock_report *report, void *user,
                              sn_run_lock **lock, sn_error *err) SN_MUST_CHECK;

/** Checks before a write that this job still holds the folder.  If the lock file is
 *  missing, for example because the folder was moved, creates folder and lock again.
 *  Accepts NULL.  Errors: SN_ETAKEN if the lock file is another job's; the caller must
 *  write nothing more. */
sn_status sn_run_lock_check(sn_run_lock *lock, sn_error *err) SN_MUST_CHECK;

/** Releases the lock, frees it and sets *lock to NULL.  Accepts NULL. */
void sn_run_lock_release(sn_run_lock **lock);

/** Writes a description of the process that holds the lock of a run to holder, "" if
 *  none holds it.  Changes nothing in the folder.  Without file locks it watches the
 *  heartbeat for up to six seconds. */
void sn_run_lock_holder(const char *run, char holder[SN_HOLDER_BYTES]);

#endif
