/** Rows on their way to metrics.h5.  Rank 0 only. */
#ifndef SHARDNET_RUN_ROWS_H
#define SHARDNET_RUN_ROWS_H

#include <stdbool.h>

#include "store/metrics/metrics.h"

/** Start with zeroes.  Each table's rows are in the order of their steps. */
typedef struct sn_rows {
    sn_epoch_row *epochs;
    size_t epoch_count, epoch_capacity;
    sn_step_row *steps;
    size_t step_count, step_capacity;
    sn_rank_row *ranks;
    size_t rank_count, rank_capacity;
} sn_rows;

/** Makes room for so many rows more; false when memory is short. */
bool sn_rows_reserve(sn_rows *rows, size_t epochs, size_t steps, size_t ranks);

/** Appends from's rows and leaves from empty, its room kept; false, and nothing has
 *  changed, when memory is short. */
bool sn_rows_move(sn_rows *rows, sn_rows *from);

/** The smallest step of any row, which must not be empty. */
int64_t sn_rows_first_step(const sn_rows *rows);

bool sn_rows_empty(const sn_rows *rows);

/** Forgets the rows, keeps the room. */
void sn_rows_drop(sn_rows *rows);

void sn_rows_clear(sn_rows *rows);

#endif
