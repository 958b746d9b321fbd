/** Who is to blame when nothing goes on: what is known of every rank, in one line. */
#ifndef SHARDNET_DIST_WATCHDOG_DIAGNOSIS_H
#define SHARDNET_DIST_WATCHDOG_DIAGNOSIS_H

#include "dist/watchdog/heartbeat.h"
#include "dist/watchdog/watchdog.h"

/** What is known of a rank.  Seconds are INFINITY for never. */
typedef struct sn_rank_report {
    char host[SN_HOST_BYTES];
    sn_phase phase;
    int64_t step;
    double silent_seconds;                   /* since it was last heard of */
    double path_seconds[SN_HEARTBEAT_PATHS]; /* by each address of this rank */
} sn_rank_report;

typedef struct sn_diagnosis {
    const sn_rank_report *ranks; /* (size) */
    int size, rank;              /* rank: that judges */
    const sn_heartbeat_path *paths;
    double idle_seconds;   /* without progress of any rank */
    double silent_seconds; /* a rank not heard of for longer is silent */
} sn_diagnosis;

const char *sn_phase_text(sn_phase phase);

/** The line, without "shardnet: error: ".  The first that applies is to blame: a rank
 *  that is silent; one that is silent on one link and heard by another; one that works
 *  while others wait; one that is a step behind.  Pure. */
void sn_diagnosis_write(const sn_diagnosis *verdict, char message[SN_MESSAGE_BYTES]);

#endif
