/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/metrics/rows.h"

#include <stdlib.h>
#include <string.h>

#include "store/metrics/table.h"

bool sn_rows_reserve(sn_rows *rows, const size_t more[SN_TABLES])
{
    for (int i = 0; i < SN_TABLES; i++) {
        const size_t wanted = rows->table[i].count + more[i];
        if (wanted > rows->table[i].capacity) {
            void *grown = realloc(rows->table[i].rows,
                                  2 * wanted * sn_metrics_tables[i].row_bytes);
            if (grown == NULL) {
                return false;
            }
            rows->table[i].rows = grown;
            rows->table[i].capacity = 2 * wanted;
        }
    }
    return true;
}

void sn_rows_add(sn_rows *rows, sn_metrics_kind kind, const void *added, size_t count)
{
    const size_t bytes = sn_metrics_tables[kind].row_bytes;
    const size_t present = rows->table[kind].count;
    if (count > 0 && count <= rows->table[kind].capacity - present) {
        memcpy((char *)rows->table[kind].rows + present * bytes, added, count * bytes);
        rows->table[kind].count += count;
    }
}

bool sn_rows_move(sn_rows *rows, sn_rows *from)
{
    size_t more[SN_TABLES];
    for (int i = 0; i < SN_TABLES; i++) {
        more[i] = from->table[i].count;
    }
    if (!sn_rows_reserve(rows, more)) {
        return false;
    }
    for (int i = 0; i < SN_TABLES; i++) {
        sn_rows_add(rows, (sn_metrics_kind)i, from->table[i].rows, more[i]);
    }
    sn_rows_reset(from);
    return true;
}

int64_t sn_rows_first_step(const sn_rows *rows)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < SN_TABLES; i++) {
        if (rows->table[i].count > 0) {
            const int64_t step =
                sn_table_step(&sn_metrics_tables[i], rows->table[i].rows, 0);
            first = step < first ? step : first;
        }
    }
    return first;
}

int64_t sn_rows_last_step(const sn_rows *rows)
{
    int64_t last = -1;
    for (int i = 0; i < SN_TABLES; i++) {
        if (rows->table[i].count > 0) {
            const int64_t step = sn_table_step(
                &sn_metrics_tables[i], rows->table[i].rows, rows->table[i].count - 1);
            last = step > last ? step : last;
        }
    }
    return last;
}

bool sn_rows_empty(const sn_rows *rows)
{
    return sn_rows_last_step(rows) < 0;
}

void sn_rows_reset(sn_rows *rows)
{
    for (int i = 0; i < SN_TABLES; i++) {
        rows->table[i].count = 0;
    }
}

void sn_rows_clear(sn_rows *rows)
{
    for (int i = 0; i < SN_TABLES; i++) {
        free(rows->table[i].rows);
    }
    *rows = (sn_rows){0};
}
