/* SPDX-License-Identifier: BSD-3-Clause */
/** Time, and the least of several short measurements: other work on the machine only
 *  adds. */
#ifndef SHARDNET_BASE_CLOCK_H
#define SHARDNET_BASE_CLOCK_H

enum { SN_UTC_TEXT_BYTES = 24 };

/** Monotonic seconds since an arbitrary start. */
double sn_clock_seconds(void);

/** The present moment as 2026-01-31T23:59:59Z. */
void sn_clock_utc_text(char text[SN_UTC_TEXT_BYTES]);

/** Runs contestant number which once and returns the seconds that it took. */
typedef double sn_repeat_run(void *user, int which);

/** Runs contestants 0 ... contestants - 1 in turn, first one round to warm up, then at
 *  least fewest rounds, and more until all together have taken enough seconds or most
 *  rounds are done.  least (contestants): the least seconds of each.  With fewest =
 *  most the number of rounds does not depend on the clock, and run may be collective.
 */
void sn_repeat_minimum(sn_repeat_run *run, void *user, int contestants, int fewest,
                       int most, double enough, double *least);

#endif
