#include "run/rows.h"

#include <stdlib.h>
#include <string.h>

/* Room for more rows of row_bytes behind count. */
static bool reserve(void **rows, size_t *capacity, size_t count, size_t more,
                    size_t row_bytes)
{
    if (count + more <= *capacity) {
        return true;
    }
    const size_t wanted = 2 * (count + more);
    void *grown = realloc(*rows, wanted * row_bytes);
    if (grown == NULL) {
        return false;
    }
    *rows = grown;
    *capacity = wanted;
    return true;
}

bool sn_rows_reserve(sn_rows *rows, size_t epochs, size_t steps, size_t ranks)
{
    void *epoch_rows = rows->epochs, *step_rows = rows->steps, *rank_rows = rows->ranks;
    const bool room = reserve(&epoch_rows, &rows->epoch_capacity, rows->epoch_count,
                              epochs, sizeof *rows->epochs) &&
                      reserve(&step_rows, &rows->step_capacity, rows->step_count, steps,
                              sizeof *rows->steps) &&
                      reserve(&rank_rows, &rows->rank_capacity, rows->rank_count, ranks,
                              sizeof *rows->ranks);
    rows->epochs = epoch_rows;
    rows->steps = step_rows;
    rows->ranks = rank_rows;
    return room;
}

/* rows (count, room for more) || from (more). */
static void append(void *rows, size_t *count, const void *from, size_t more,
                   size_t row_bytes)
{
    if (more > 0) {
        memcpy((char *)rows + *count * row_bytes, from, more * row_bytes);
        *count += more;
    }
}

bool sn_rows_move(sn_rows *rows, sn_rows *from)
{
    if (!sn_rows_reserve(rows, from->epoch_count, from->step_count, from->rank_count)) {
        return false;
    }
    append(rows->epochs, &rows->epoch_count, from->epochs, from->epoch_count,
           sizeof *rows->epochs);
    append(rows->steps, &rows->step_count, from->steps, from->step_count,
           sizeof *rows->steps);
    append(rows->ranks, &rows->rank_count, from->ranks, from->rank_count,
           sizeof *rows->ranks);
    sn_rows_drop(from);
    return true;
}

int64_t sn_rows_first_step(const sn_rows *rows)
{
    int64_t first = INT64_MAX;
    if (rows->epoch_count > 0) {
        first = rows->epochs[0].step;
    }
    if (rows->step_count > 0 && rows->steps[0].step < first) {
        first = rows->steps[0].step;
    }
    if (rows->rank_count > 0 && rows->ranks[0].step < first) {
        first = rows->ranks[0].step;
    }
    return first;
}

bool sn_rows_empty(const sn_rows *rows)
{
    return rows->epoch_count + rows->step_count + rows->rank_count == 0;
}

void sn_rows_drop(sn_rows *rows)
{
    rows->epoch_count = rows->step_count = rows->rank_count = 0;
}

void sn_rows_clear(sn_rows *rows)
{
    free(rows->epochs);
    free(rows->steps);
    free(rows->ranks);
    *rows = (sn_rows){0};
}
