/** The watchdog: a thread on every rank that ends a job in which nothing goes on, and
 *  names who is to blame.
 *
 *  The training thread marks what it does.  Every rank tells two observers (rank 0, and
 *  the first rank of another node) once a second by UDP what it marked last; a datagram
 *  goes to every IPv4 address of an observer, so that a broken link shows beside one
 *  that works.  When no rank has made progress for the time-out, the lowest observer
 *  that lives speaks for all; ranks that hear no observer decide by themselves.
 *
 *  Limits: MPI's own start and end are not watched.  The phase that a rank spends
 *  longest in without a mark must be shorter than the time-out.  Where UDP between
 *  nodes is blocked the job ends all the same, but ranks that were never heard of are
 *  not told apart.  A link that carries no IP is not seen. */
#ifndef SHARDNET_DIST_WATCHDOG_WATCHDOG_H
#define SHARDNET_DIST_WATCHDOG_WATCHDOG_H

#include <stddef.h>
#include <stdint.h>

#include "dist/comm/comm.h"

/* name, text, whether a rank in it waits for others */
#define SN_PHASE_TABLE(X)                                                              \
    X(SN_PHASE_START, "start", 1)                                                      \
    X(SN_PHASE_LOAD, "loading", 0)                                                     \
    X(SN_PHASE_GATHER, "gather", 0)                                                    \
    X(SN_PHASE_GRADIENT, "gradient", 0)                                                \
    X(SN_PHASE_REDUCE, "reduce", 1)                                                    \
    X(SN_PHASE_UPDATE, "update", 0)                                                    \
    X(SN_PHASE_EVALUATE, "evaluation", 0)                                              \
    X(SN_PHASE_FILES, "files", 0)                                                      \
    X(SN_PHASE_AGREE, "agreement", 1)

#define SN_PHASE_ENUM(name, text, waits) name,
typedef enum sn_phase { SN_PHASE_TABLE(SN_PHASE_ENUM) SN_PHASE_COUNT } sn_phase;
#undef SN_PHASE_ENUM

/** Called once, on the watchdog's thread, when the job hangs.  message is the line to
 *  print, NULL where another rank speaks.  The training thread is stuck in MPI or in a
 *  file: ending the process is all that is left, as soon as the line is out. */
typedef void sn_watchdog_alarm(const char *message, void *user);

/** Starts the threads.  One watchdog a communicator.  Collective.  SN_EINTERNAL when no
 *  thread can be made, SN_ENOMEM, SN_EMPI. */
sn_status sn_watchdog_start(sn_comm *comm, double timeout_seconds,
                            sn_watchdog_alarm *alarm, void *user,
                            sn_error *err) SN_MUST_CHECK;

/** Ends the thread of this rank, if there is one.  Not collective. */
void sn_watchdog_stop(sn_comm *comm);

/** Progress: this rank begins phase, step updates are finished (negative: as many as
 *  before).  Not collective; a few stores, and nothing where no watchdog runs. */
void sn_watchdog_mark(sn_comm *comm, sn_phase phase, int64_t step);

/** As sn_watchdog_mark, before work on bytes of files during which this thread marks
 *  nothing: one second more for every 4 MB. */
void sn_watchdog_mark_bytes(sn_comm *comm, sn_phase phase, int64_t step, size_t bytes);

#endif
