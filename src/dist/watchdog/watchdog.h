/* SPDX-License-Identifier: BSD-3-Clause */
/** The watchdog: a thread on every rank that ends the job if no rank makes progress,
 *  and names the cause.
 *
 *  The training thread marks its activities.  Once per second every rank sends a
 *  heartbeat with its newest mark by UDP to two observers: rank 0, and the first rank
 *  of another node.  It sends one datagram to every IPv4 address of an observer, so
 *  that the diagnosis can tell a broken link from a dead host.  If no rank has made
 *  progress for the time-out, rank 0 reports the hang for all ranks, or the second
 *  observer if rank 0 is silent.  A rank that receives no answer from either observer
 *  decides by itself.
 *
 *  Limits:  MPI_Init and MPI_Finalize are not watched.  The longest activity without a
 *  mark must be shorter than the time-out.  If UDP between nodes is blocked, the job
 *  still ends, but the diagnosis cannot distinguish the ranks that never sent a
 *  heartbeat.  A network that carries no IP is not watched.
 *
 *  Ranks may have different time-outs: an observer applies to each rank the time-out
 *  that this rank reports, and waits for the last of them. */
#ifndef SHARDNET_DIST_WATCHDOG_WATCHDOG_H
#define SHARDNET_DIST_WATCHDOG_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dist/comm/comm.h"

enum { SN_ACTIVITY_BYTES = 16 };

/** An activity of a rank.  The caller names it, for example {"files", false, false}. */
typedef struct sn_activity {
    char text[SN_ACTIVITY_BYTES];
    bool waits;  /* the rank waits for other ranks */
    bool steady; /* a part of each update that needs nothing from outside the job */
} sn_activity;

/** The activity of ranks that wait for each other in sn_comm_agree. */
extern const sn_activity sn_watchdog_agreement;

/** The activity of a rank that writes output.  The write may block: a terminal is held,
 *  a pipe is full, or a file server is down. */
extern const sn_activity sn_watchdog_output;

/** The watchdog's thread calls the alarm once, if the job hangs.  message is the line
 *  to print; it is NULL if another rank prints the line.  The training thread cannot
 *  leave MPI or a file operation, so the alarm must print the line and end the process.
 */
typedef void sn_watchdog_alarm(const char *message, void *user);

/** Starts the thread of every rank; a communicator has at most one watchdog.  A
 *  negative time-out is computed from the phases of each rank (timeout.h).
 *  Collective.  Errors: SN_EINTERNAL if a thread cannot be created, SN_ENOMEM, SN_EMPI.
 */
sn_status sn_watchdog_start(sn_comm *comm, double timeout_seconds,
                            sn_watchdog_alarm *alarm, void *user,
                            sn_error *err) SN_MUST_CHECK;

/** Ends the thread of this rank, if it has one.  Not collective. */
void sn_watchdog_stop(sn_comm *comm);

/** Marks progress: this rank begins an activity after step finished updates; a negative
 *  step keeps the previous number.  *activity must outlive the watchdog.  The cost is a
 *  few stores, and nothing without a watchdog.  Not collective. */
void sn_watchdog_mark(sn_comm *comm, const sn_activity *activity, int64_t step);

/** Does the same as sn_watchdog_mark before work on files of this size, during which
 *  this thread marks nothing: the time-out grows by one second per 4 MB.  Not
 *  collective. */
void sn_watchdog_mark_bytes(sn_comm *comm, const sn_activity *activity, int64_t step,
                            size_t bytes);

#endif
