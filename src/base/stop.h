/* SPDX-License-Identifier: BSD-3-Clause */
/** Requests to stop by signal (internal to the program). */
#ifndef SHARDNET_BASE_STOP_H
#define SHARDNET_BASE_STOP_H

/** From now on SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGXCPU and, unless it was ignored,
 *  SIGHUP set a flag instead of ending the process.  Another one more than a second
 *  later ends it at once, with exit code 75, after the line message (static storage;
 *  NULL for none); an earlier one counts as the same request, which launchers deliver
 *  twice.  Watching twice is watching once, until unwatched as often: a request from
 *  before training is not lost. */
void sn_stop_watch(const char *message);

/** The work is over, as it was asked to be or by itself, and ends with exit_code: a
 *  second request, such as a launcher's SIGTERM to the ranks that are still leaving,
 *  ends the process with this code and without a word. */
void sn_stop_finish(int exit_code);

/** The last one puts the former handlers back and forgets the flag. */
void sn_stop_unwatch(void);

/** The signal that asked to stop, 0 for none. */
int sn_stop_requested(void);

#endif
