/* SPDX-License-Identifier: BSD-3-Clause */
/** Rows on their way to metrics.h5.  Rank 0 only. */
#ifndef SHARDNET_STORE_METRICS_ROWS_H
#define SHARDNET_STORE_METRICS_ROWS_H

#include "store/metrics/metrics.h"

/** Start with zeroes.  Each table's rows are in the order of their steps. */
struct sn_rows {
    struct {
        void *rows; /* (capacity) of the table's type */
        size_t count, capacity;
    } table[SN_TABLES];
};

/** Makes room for more rows of each table; false when memory is short. */
bool sn_rows_reserve(sn_rows *rows, const size_t more[SN_TABLES]);

/** Appends count rows of one table, or nothing where there is no room for them. */
void sn_rows_add(sn_rows *rows, sn_metrics_kind kind, const void *added, size_t count);

/** Appends from's rows and leaves from empty, its room kept; false, and nothing has
 *  changed, when memory is short. */
bool sn_rows_move(sn_rows *rows, sn_rows *from);

/** The smallest and the largest step of any row; INT64_MAX and -1 where there is none.
 */
int64_t sn_rows_first_step(const sn_rows *rows);
int64_t sn_rows_last_step(const sn_rows *rows);

bool sn_rows_empty(const sn_rows *rows);

/** Forgets the rows, keeps the room. */
void sn_rows_reset(sn_rows *rows);

void sn_rows_clear(sn_rows *rows);

#endif
