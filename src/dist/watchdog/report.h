/** What one rank knows of all ranks: the evidence for deadline and diagnosis. */
#ifndef SHARDNET_DIST_WATCHDOG_REPORT_H
#define SHARDNET_DIST_WATCHDOG_REPORT_H

#include <stdint.h>

#include "dist/comm/comm.h"
#include "dist/watchdog/activity.h"
#include "dist/watchdog/heartbeat.h"

/** The newest report of a rank.  Times are on the watchdog's clock, -INFINITY for never.
 */
typedef struct sn_rank_report {
    sn_activity activity;
    int64_t step;
    double heard;                    /* time of its newest heartbeat */
    double progress;                 /* time of its newest mark */
    double grace;                    /* seconds that it may take beyond the time-out */
    double path[SN_HEARTBEAT_PATHS]; /* newest heartbeat by each address of this rank */
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
        [SN_OBSERVERS]; /* ranks of primary and secondary; equal for one rank */
    double now;
    double timeout;        /* seconds */
    double silent_seconds; /* a rank not heard of for longer is silent */
} sn_rank_view;

#endif
