/* SPDX-License-Identifier: BSD-3-Clause */
/** Rank reports, and the conclusions from them: whether the job hangs, and which rank
 *  is the cause.  All functions are pure. */
#ifndef SHARDNET_DIST_WATCHDOG_REPORT_H
#define SHARDNET_DIST_WATCHDOG_REPORT_H

#include "dist/watchdog/heartbeat.h"

/** The newest report of a rank.  Times are on the watchdog's clock; -INFINITY means
 *  never. */
typedef struct sn_rank_report {
    sn_activity activity;
    int64_t step;          /* number of finished updates */
    double last_heartbeat; /* time of its newest heartbeat */
    double progress;       /* time of its newest mark */
    double grace;          /* seconds that it may take beyond the time-out */
    double
        last_by_path[SN_HEARTBEAT_PATHS]; /* last_heartbeat per address of this rank */
    struct sockaddr_in from;              /* sender of its newest heartbeat */
} sn_rank_report;

typedef enum sn_role {
    SN_ROLE_PRIMARY,   /* the observer that ends a job */
    SN_ROLE_SECONDARY, /* the observer that replaces a silent primary */
    SN_ROLE_FOLLOWER,  /* every other rank */
    SN_ROLES
} sn_role;

enum { SN_OBSERVERS = 2 };

/** The reports as one rank holds them at one time. */
typedef struct sn_rank_view {
    sn_rank_report *reports;        /* (size) */
    char (*hosts)[SN_HOST_BYTES];   /* (size) */
    const sn_heartbeat_path *paths; /* addresses of this rank */
    int size, rank;
    sn_role role;
    int observers[SN_OBSERVERS]; /* primary, secondary; both 0 if there is one rank */
    double now;
    double timeout;        /* seconds; the grace of a rank adds to it */
    double silent_seconds; /* a rank without a heartbeat for longer is silent */
} sn_rank_view;

/** Returns the role of a rank. */
sn_role sn_role_of(int rank, const int observers[SN_OBSERVERS]);

/** Returns true if a heartbeat of that rank arrived within the last silent_seconds. */
bool sn_role_is_alive(const sn_rank_view *view, int rank);

/** Returns the time of the newest progress that this rank counts: its own, and on an
 *  observer also that of every rank that has ever sent a heartbeat.  With grace, the
 *  function adds the grace of each rank to its time. */
double sn_role_progress(const sn_rank_view *view, bool grace);

/** Returns the time after which this rank raises the alarm, INFINITY for never.
 *  Primary: the time-out after the newest progress.
 *  Secondary: the same, but only while the primary is silent.
 *  Follower: the time-out, and half a second or more, after its own progress, but only
 *  while both observers are silent. */
double sn_role_deadline(const sn_rank_view *view);

/** Writes the diagnosis as one line, without "shardnet: error: ".  The first rule that
 *  applies names the cause: a silent rank; a rank that is silent on one link and alive
 *  on another; a rank that works while the others wait; a rank that is a step behind.
 */
void sn_diagnosis_write(const sn_rank_view *view, char message[SN_MESSAGE_BYTES]);

#endif
