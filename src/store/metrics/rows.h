/* SPDX-License-Identifier: BSD-3-Clause */
/** Buffers of rows that are not yet in metrics.h5.  Rank 0 only. */
#ifndef SHARDNET_STORE_METRICS_ROWS_H
#define SHARDNET_STORE_METRICS_ROWS_H

#include "store/metrics/metrics.h"

/** Initialize with zeros; sn_rows_clear frees the memory.  The rows of each table are
 *  in the order of their steps. */
struct sn_rows {
    struct {
        void *rows; /* (capacity) of the table's row type */
        size_t count, capacity;
    } table[SN_TABLES];
};

/** Reserves memory for more rows of each table.  Returns false if memory is short. */
bool sn_rows_reserve(sn_rows *rows, const size_t more[SN_TABLES]);

/** Appends added (count) to one table if sn_rows_reserve reserved the memory, else does
 *  nothing. */
void sn_rows_add(sn_rows *rows, sn_metrics_kind kind, const void *added, size_t count);

/** Moves all rows of from to the end of rows; from keeps its memory.  Returns false,
 *  and changes nothing, if memory is short. */
bool sn_rows_move(sn_rows *rows, sn_rows *from);

/** Return the smallest and the largest step; INT64_MAX and -1 if there are no rows. */
int64_t sn_rows_first_step(const sn_rows *rows);
int64_t sn_rows_last_step(const sn_rows *rows);

bool sn_rows_empty(const sn_rows *rows);

/** Removes all rows and keeps the memory. */
void sn_rows_reset(sn_rows *rows);

/** Frees the memory. */
void sn_rows_clear(sn_rows *rows);

#endif
