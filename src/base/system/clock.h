/* SPDX-License-Identifier: BSD-3-Clause */
/** Clocks, and short measurements that are repeated.  Other work on the machine can
 *  only make a measurement longer, so the minimum of several is the best estimate. */
#ifndef SHARDNET_BASE_SYSTEM_CLOCK_H
#define SHARDNET_BASE_SYSTEM_CLOCK_H

enum { SN_UTC_TEXT_BYTES = 24 };

/** Returns the monotonic time in seconds since an arbitrary start. */
double sn_clock_seconds(void);

/** Returns the processor time of the calling thread in seconds.  It does not count the
 *  time during which the thread waits for a core. */
double sn_clock_thread_seconds(void);

/** text := the current time as 2026-01-31T23:59:59Z. */
void sn_clock_utc_text(char text[SN_UTC_TEXT_BYTES]);

#endif
