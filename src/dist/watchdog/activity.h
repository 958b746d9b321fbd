/** What a rank does, in its caller's words. */
#ifndef SHARDNET_DIST_WATCHDOG_ACTIVITY_H
#define SHARDNET_DIST_WATCHDOG_ACTIVITY_H

#include <stdbool.h>

enum { SN_ACTIVITY_BYTES = 16 };

/** One label, such as {"files", false}.  waits: a rank in it waits for others. */
typedef struct sn_activity {
    char text[SN_ACTIVITY_BYTES];
    bool waits;
} sn_activity;

#endif
