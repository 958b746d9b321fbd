/* SPDX-License-Identifier: BSD-3-Clause */
/** The watchdog: a thread on every rank that ends a job in which no rank makes
 *  progress, and names the cause.
 *
 *  The training thread marks its activities.  Every rank sends a heartbeat by UDP once
 *  a second to two observers (rank 0, and the first rank of another node), with its
 *  newest mark; a datagram goes to every IPv4 address of an observer, so that a broken
 *  link shows beside one that works.  When no rank has made progress for the time-out,
 *  the lowest observer that lives reports it for all; ranks that hear no observer
 *  decide by themselves.
 *
 *  Limits:  MPI's own start and end are not watched.  The longest activity without a
 *  mark must be shorter than the time-out.  Where UDP between nodes is blocked the job
 *  ends all the same, but the diagnosis cannot tell apart ranks that were never heard
 *  of.  A link that carries no IP is not seen. */
#ifndef SHARDNET_DIST_WATCHDOG_WATCHDOG_H
#define SHARDNET_DIST_WATCHDOG_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dist/comm/comm.h"

enum { SN_ACTIVITY_BYTES = 16 };

/** What a rank does, in its caller's words, such as {"files", false}.  waits: a rank in
 *  it waits for others. */
typedef struct sn_activity {
    char text[SN_ACTIVITY_BYTES];
    bool waits;
} sn_activity;

/** Ranks wait for each other in sn_comm_agree. */
extern const sn_activity sn_watchdog_agreement;

/** Called once, on the watchdog's thread, when the job hangs.  message is the line to
 *  print, NULL where another rank prints it.  The training thread is stuck in MPI or in
 *  a file: ending the process is all that is left, as soon as the line is out. */
typedef void sn_watchdog_alarm(const char *message, void *user);

/** Starts the threads.  One watchdog per communicator.  Collective.  SN_EINTERNAL when
 *  no thread can be made, SN_ENOMEM, SN_EMPI. */
sn_status sn_watchdog_start(sn_comm *comm, double timeout_seconds,
                            sn_watchdog_alarm *alarm, void *user,
                            sn_error *err) SN_MUST_CHECK;

/** Ends the thread of this rank, if there is one.  Not collective. */
void sn_watchdog_stop(sn_comm *comm);

/** Marks progress: this rank begins activity, which must outlive the watchdog; step
 *  updates are finished (negative: as many as before).  Not collective; a few stores,
 *  and nothing where no watchdog runs. */
void sn_watchdog_mark(sn_comm *comm, const sn_activity *activity, int64_t step);

/** As sn_watchdog_mark, before work on bytes of files during which this thread marks
 *  nothing: the time-out grows by one second for every 4 MB. */
void sn_watchdog_mark_bytes(sn_comm *comm, const sn_activity *activity, int64_t step,
                            size_t bytes);

#endif
