/* SPDX-License-Identifier: BSD-3-Clause */
/** Signals that request a stop.  None of these functions is collective. */
#ifndef SHARDNET_BASE_SYSTEM_STOP_H
#define SHARDNET_BASE_SYSTEM_STOP_H

/** Installs handlers: from now on SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGXCPU and,
 *  unless it is ignored (nohup), SIGHUP request a stop instead of ending the process.
 *  Further signals change nothing, because batch systems send several before they kill
 *  a job.  Only a second SIGINT, from a user at the keyboard, ends the process at once
 *  with exit code 75; it prints message (static storage; NULL prints nothing) to
 *  stderr.  A SIGINT within one second of the first is the same request, because
 *  launchers deliver a signal twice.  Calls nest: only the first call installs the
 *  handlers and uses its message, so that a request before training is not lost. */
void sn_stop_watch(const char *message);

/** Stores the inherited actions of these signals.  Call it before the initialisers of
 *  shared libraries run: that of UCX installs a handler for SIGHUP. */
void sn_stop_inherit(void);

/** Overrides the handlers that a library has installed: installs those of sn_stop_watch
 *  again or, if none are in use, restores the inherited actions. */
void sn_stop_reinstall(void);

/** Sets the exit code of a process whose work is done: from now on a signal after the
 *  first, for example a launcher's SIGTERM to ranks that are still shutting down, ends
 *  the process with exit_code and without a message. */
void sn_stop_finish(int exit_code);

/** Ends one sn_stop_watch; the last call restores the previous handlers and clears the
 *  request. */
void sn_stop_unwatch(void);

/** Returns the number of the last signal that requested a stop, or 0. */
int sn_stop_requested(void);

#endif
