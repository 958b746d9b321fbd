/* SPDX-License-Identifier: BSD-3-Clause */
/** What one rank knows of all ranks, and what follows from it: when the job hangs, and
 *  which rank is the cause.  All functions are pure. */
#ifndef SHARDNET_DIST_WATCHDOG_REPORT_H
#define SHARDNET_DIST_WATCHDOG_REPORT_H

#include "dist/watchdog/heartbeat.h"

/** The newest report of a rank.  Times are on the watchdog's clock, -INFINITY for
 *  never. */
typedef struct sn_rank_report {
    sn_activity activity;
    int64_t step;
    double last_heartbeat; /* time of its newest heartbeat */
    double progress;       /* time of its newest mark */
    double grace;          /* seconds that it may take beyond the time-out */
    double last_by_path[SN_HEARTBEAT_PATHS]; /* the same per local address */
    struct sockaddr_in from;                 /* where its newest heartbeat came from */
} sn_rank_report;

typedef enum sn_role {
    SN_ROLE_PRIMARY,   /* the observer that ends a job */
    SN_ROLE_SECONDARY, /* the observer that takes its place */
    SN_ROLE_FOLLOWER,  /* every other rank */
    SN_ROLES
} sn_role;

enum { SN_OBSERVERS = 2 };

/** The reports as one rank sees them at one time. */
typedef struct sn_rank_view {
    sn_rank_report *reports;        /* (size) */
    char (*hosts)[SN_HOST_BYTES];   /* (size) */
    const sn_heartbeat_path *paths; /* addresses of this rank */
    int size, rank;
    sn_role role;
    int observers
        [SN_OBSERVERS]; /* primary, secondary; the same rank where it is alone */
    double now;
    double timeout;        /* seconds */
    double silent_seconds; /* a rank not heard of for longer is silent */
} sn_rank_view;

/** The role of a rank, and thereby whose reports it has. */
sn_role sn_role_of(int rank, const int observers[SN_OBSERVERS]);

/** True when this rank has heard of that one lately. */
bool sn_role_is_alive(const sn_rank_view *view, int rank);

/** The newest progress that counts for this rank: its own, and for an observer that of
 *  every rank that it has ever heard of.  grace: with the seconds of grace of each. */
double sn_role_progress(const sn_rank_view *view, bool grace);

/** The time after which this rank raises the alarm, INFINITY for not at all:
 *  primary: the time-out after the newest progress;
 *  secondary: the same, while it does not hear the primary;
 *  follower: the time-out after its own progress and half a second or more, while it
 *  hears no observer. */
double sn_role_deadline(const sn_rank_view *view);

/** Writes the diagnosis as one line, without "shardnet: error: ".  The first rule that
 *  applies names the cause: a rank that is silent; one that is silent on one link and
 *  heard by another; one that works while others wait; one that is a step behind. */
void sn_diagnosis_write(const sn_rank_view *view, char message[SN_MESSAGE_BYTES]);

#endif
