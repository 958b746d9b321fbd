/* SPDX-License-Identifier: BSD-3-Clause */
/** The lease is the text in a run's lock file, two lines:
 *
 *      process PID on HOST
 *      heartbeat SECONDS
 *
 *  The job that holds the run writes the text every second.  A waiting job compares the
 *  text with its earlier readings and never with its own clock, because the clocks of
 *  two hosts may differ.  Thus it detects a running job on a file system without file
 *  locks, and distinguishes it from a dead job whose lock a file server still holds.
 *
 *  Each function opens the file again and follows no link: an NFS client sees the
 *  changes of another client when it opens the file.  Not collective. */
#ifndef SHARDNET_RUN_LEASE_H
#define SHARDNET_RUN_LEASE_H

#include <stdbool.h>
#include <sys/stat.h>

enum { SN_LEASE_BYTES = 400, SN_HOLDER_BYTES = 320 };

/** holder := "process PID on HOST" of this process. */
void sn_lease_self(char holder[SN_HOLDER_BYTES]);

/** text := the content of the lock file, "" if it is empty; info may be NULL.  Returns
 *  0 or errno. */
int sn_lease_read(const char *path, char text[SN_LEASE_BYTES], struct stat *info);

/** holder := the first line of text. */
void sn_lease_holder(const char *text, char holder[SN_HOLDER_BYTES]);

/** Returns true if holder is a process on this host. */
bool sn_lease_is_local(const char *holder);

/** Writes holder with a new heartbeat over a text whose first line is former, "" for an
 *  empty file.  Returns false if the file has another text or cannot be written. */
bool sn_lease_write(const char *path, const char *former, const char *holder);

/** Empties the file if its first line is holder. */
void sn_lease_clear(const char *path, const char *holder);

#endif
