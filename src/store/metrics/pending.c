/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/metrics/pending.h"

#include "store/metrics/table.h"

static const char group_name[] = "/pending";

size_t sn_pending_bytes(const sn_rows *rows)
{
    enum {
        TABLE_BYTES = 64 * 1024
    }; /* attributes, and the padding of the last chunk */
    size_t bytes = 0;
    for (int i = 0; i < SN_TABLES; i++) {
        bytes += TABLE_BYTES + rows->table[i].count * sn_metrics_tables[i].row_bytes;
    }
    return sn_rows_empty(rows) ? 0 : bytes;
}

static bool write_table(hid_t group, sn_metrics_kind kind, const sn_rows *rows,
                        int64_t step, sn_h5_reason *why)
{
    const sn_table *table = &sn_metrics_tables[kind];
    hid_t dataset;
    uint64_t present;
    size_t count = rows->table[kind].count;
    while (count > 0 &&
           sn_table_step(table, rows->table[kind].rows, count - 1) > step) {
        count--;
    }
    if (!sn_table_create(group, table, true, why) ||
        !sn_table_open(group, table, &dataset, &present, why)) {
        return false;
    }
    const bool done =
        sn_table_append(dataset, table, 0, rows->table[kind].rows, count, why);
    sn_h5_close(&dataset);
    return done;
}

bool sn_pending_write(hid_t file, const sn_rows *rows, int64_t step, sn_h5_reason *why)
{
    hid_t group;
    if (sn_rows_first_step(rows) > step) {
        return true;
    }
    bool done = sn_h5_create_group(file, group_name, &group, why);
    for (int i = 0; done && i < SN_TABLES; i++) {
        done = write_table(group, (sn_metrics_kind)i, rows, step, why);
    }
    sn_h5_close(&group);
    return done;
}

typedef struct target {
    sn_rows *rows;
    sn_metrics_kind kind;
    bool short_of_memory;
} target;

static bool append(void *user, const void *rows, size_t count)
{
    target *to = user;
    size_t more[SN_TABLES] = {0};
    more[to->kind] = count;
    to->short_of_memory = !sn_rows_reserve(to->rows, more);
    if (!to->short_of_memory) {
        sn_rows_add(to->rows, to->kind, rows, count);
    }
    return !to->short_of_memory;
}

bool sn_pending_read(hid_t file, sn_rows *rows, sn_h5_reason *why)
{
    hid_t group;
    const htri_t exists = H5Lexists(file, group_name, H5P_DEFAULT);
    if (exists <= 0) {
        return exists == 0 || sn_h5_fail_library(why);
    }
    bool done = sn_h5_open_object(file, group_name, H5I_GROUP, &group, why);
    for (int i = 0; done && i < SN_TABLES; i++) {
        target to = {rows, (sn_metrics_kind)i, false};
        done = sn_table_stream(group, &sn_metrics_tables[i], 0, true, append, &to, why);
        if (done && to.short_of_memory) {
            done = sn_h5_fail(why, "out of memory");
            why->status = SN_ENOMEM;
        }
    }
    sn_h5_close(&group);
    return done;
}
