/* SPDX-License-Identifier: BSD-3-Clause */
/** Clocks, and short measurements that are repeated.  Other work on the machine can
 *  only make a measurement longer, so the minimum of several is the best estimate. */
#ifndef SHARDNET_BASE_CLOCK_H
#define SHARDNET_BASE_CLOCK_H

enum { SN_UTC_TEXT_BYTES = 24 };

/** Returns the monotonic time in seconds since an arbitrary start. */
double sn_clock_seconds(void);

/** Returns the processor time of the calling thread in seconds.  It does not count the
 *  time during which the thread waits for a core. */
double sn_clock_thread_seconds(void);

/** text := the current time as 2026-01-31T23:59:59Z. */
void sn_clock_utc_text(char text[SN_UTC_TEXT_BYTES]);

/** Runs candidate index once and returns the seconds that it took. */
typedef double sn_repeat_run(void *user, int index);

/** Runs the candidates 0 .. candidates - 1 in turn: one round to warm up, then at least
 *  min_rounds rounds, then further rounds until all measured runs together took
 *  enough_seconds or max_rounds rounds are done.  minimum (candidates) receives the
 *  seconds of the shortest run of each candidate.  If min_rounds = max_rounds, the
 *  number of rounds does not depend on the clock, and run may be collective. */
void sn_repeat_minimum(sn_repeat_run *run, void *user, int candidates, int min_rounds,
                       int max_rounds, double enough_seconds, double *minimum);

#endif
