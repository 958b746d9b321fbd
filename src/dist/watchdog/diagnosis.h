/** Which rank is the cause when no rank makes progress, as one line. */
#ifndef SHARDNET_DIST_WATCHDOG_DIAGNOSIS_H
#define SHARDNET_DIST_WATCHDOG_DIAGNOSIS_H

#include "dist/watchdog/report.h"

/** Writes the line, without "shardnet: error: ".  The first rule that applies names the
 *  cause: a rank that is silent; one that is silent on one link and heard by another;
 *  one that works while others wait; one that is a step behind.  Pure. */
void sn_diagnosis_write(const sn_rank_view *view, char message[SN_MESSAGE_BYTES]);

#endif
