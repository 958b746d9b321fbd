/** When a rank may call the job hung: one rule for each role.  Pure. */
#ifndef SHARDNET_DIST_WATCHDOG_ROLE_H
#define SHARDNET_DIST_WATCHDOG_ROLE_H

#include "dist/watchdog/report.h"

/** The role of a rank, and thereby whose reports it has. */
sn_role sn_role_of(int rank, const int observers[SN_OBSERVERS]);

/** The newest progress that counts for this rank: its own, and for an observer that of
 *  every rank that it has ever heard of.  grace: with the seconds of grace of each. */
double sn_role_progress(const sn_rank_view *view, bool grace);

/** The time after which this rank raises the alarm, INFINITY for not at all:
 *  primary: the time-out after the newest progress;
 *  secondary: the same, while it does not hear the primary;
 *  follower: the time-out after its own progress and half a second or more, while it
 *  hears no observer. */
double sn_role_deadline(const sn_rank_view *view);

#endif
