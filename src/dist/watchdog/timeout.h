/* SPDX-License-Identifier: BSD-3-Clause */
/** The time-out of a rank: a number, or computed from the phases that have ended on the
 *  rank.  A phase is the time between two marks.  No function is collective. */
#ifndef SHARDNET_DIST_WATCHDOG_TIMEOUT_H
#define SHARDNET_DIST_WATCHDOG_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

/** Times are seconds. */
typedef struct sn_timeout {
    double least;      /* no time-out is shorter */
    double unmeasured; /* time-out of a phase whose duration is not known yet */
    double multiple;   /* time-out / longest phase */
    double longest,
        longest_steady; /* phases that have ended, without and with steady */
} sn_timeout;

/** Returns the rule of a number of seconds; a negative number stands for auto. */
sn_timeout sn_timeout_of(double seconds);

/** Notes the duration of a phase that has ended. */
void sn_timeout_measure(sn_timeout *timeout, bool steady, double seconds);

/** Returns the time-out of a phase after this number of updates in this start.
 *
 *  With auto it is 10 times the longest phase of the same kind, but at least 30 s if
 *  the phase is steady and two updates are done, and at least 300 s otherwise.  The
 *  first update opens MPI's connections.  A steady phase repeats in each update and
 *  does not depend on the world outside the job, so 10 leaves room for a busy node.
 *  Any other phase can take minutes although the earlier ones were short: a file server
 *  fails over, or a person holds the terminal. */
double sn_timeout_seconds(const sn_timeout *timeout, bool steady, int64_t updates);

#endif
