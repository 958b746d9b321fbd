/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads whole tables. */
#include "store/metrics/rows.h"
#include "store/metrics/table.h"

sn_status sn_metrics_each(const char *path, sn_metrics_kind kind,
                          sn_metrics_receive *receive, void *user, sn_error *err)
{
    sn_h5_silence();
    const sn_table *table = &sn_metrics_tables[kind];
    sn_status status = sn_h5_check_file(path, err);
    if (status != SN_OK) {
        return status;
    }
    sn_h5_reason why;
    hid_t file;
    const bool done = sn_h5_open(path, &file, &why) &&
                      sn_table_stream(file, table, 0, true, receive, user, &why);
    sn_h5_close(&file);
    return done ? SN_OK
                : sn_fail(err, SN_EDATA, "metrics damaged (%s): /%s: %s", path,
                          sn_metrics_names[kind], why.text);
}

static bool count_rows(void *user, const void *rows, size_t count)
{
    size_t *total = user;
    (void)rows;
    *total += count;
    return true;
}

sn_status sn_metrics_verify(const char *path, size_t counts[SN_TABLES], sn_error *err)
{
    sn_status status = SN_OK;
    for (int i = 0; status == SN_OK && i < SN_TABLES; i++) {
        counts[i] = 0;
        status = sn_metrics_each(path, (sn_metrics_kind)i, count_rows, &counts[i], err);
    }
    return status;
}

typedef struct collection {
    sn_rows rows;
    bool full; /* memory is short */
} collection;

static bool collect(void *user, const void *rows, size_t count)
{
    collection *to = user;
    const size_t more[SN_TABLES] = {[SN_TABLE_EPOCHS] = count};
    to->full = !sn_rows_reserve(&to->rows, more);
    sn_rows_add(&to->rows, SN_TABLE_EPOCHS, rows, to->full ? 0 : count);
    return !to->full;
}

sn_status sn_metrics_read_epochs(const char *path, sn_epoch_row **rows, size_t *count,
                                 sn_error *err)
{
    collection read = {.full = false};
    sn_status status = sn_metrics_each(path, SN_TABLE_EPOCHS, collect, &read, err);
    if (status == SN_OK && read.full) {
        status = sn_fail(err, SN_ENOMEM, "metrics (%s): out of memory", path);
    }
    if (status != SN_OK) {
        sn_rows_clear(&read.rows);
    }
    *rows = read.rows.table[SN_TABLE_EPOCHS].rows;
    *count = read.rows.table[SN_TABLE_EPOCHS].count;
    return status;
}
