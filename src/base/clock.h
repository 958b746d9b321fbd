/** Time. */
#ifndef SHARDNET_BASE_CLOCK_H
#define SHARDNET_BASE_CLOCK_H

enum { SN_UTC_TEXT_BYTES = 24 };

/** Monotonic seconds since an arbitrary start. */
double sn_clock_seconds(void);

/** The present moment as 2026-01-31T23:59:59Z. */
void sn_clock_utc_text(char text[SN_UTC_TEXT_BYTES]);

#endif
