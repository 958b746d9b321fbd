/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/metrics/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define COLUMN(kind, row, name, unit)                                                  \
    {                                                                                  \
#name, SN_COLUMN_##kind, offsetof(row, name), unit                             \
    }

static const sn_column epoch_columns[] = {
    COLUMN(INTEGER, sn_epoch_row, epoch, "1"),
    COLUMN(INTEGER, sn_epoch_row, step, "1"),
    COLUMN(REAL, sn_epoch_row, learning_rate, "1"),
    COLUMN(REAL, sn_epoch_row, train_loss, "nat"),
    COLUMN(REAL, sn_epoch_row, penalty, "nat"),
    COLUMN(REAL, sn_epoch_row, train_error, "1"),
    COLUMN(REAL, sn_epoch_row, validation_loss, "nat"),
    COLUMN(REAL, sn_epoch_row, validation_error, "1"),
    COLUMN(REAL, sn_epoch_row, test_loss, "nat"),
    COLUMN(REAL, sn_epoch_row, test_error, "1"),
    COLUMN(REAL, sn_epoch_row, seconds, "s"),
    COLUMN(REAL, sn_epoch_row, samples_per_second, "1/s"),
};

static const sn_column step_columns[] = {
    COLUMN(INTEGER, sn_step_row, step, "1"),
    COLUMN(INTEGER, sn_step_row, epoch, "1"),
    COLUMN(REAL, sn_step_row, learning_rate, "1"),
    COLUMN(REAL, sn_step_row, loss, "nat"),
    COLUMN(REAL, sn_step_row, error, "1"),
    COLUMN(REAL, sn_step_row, seconds, "s"),
};

static const sn_column rank_columns[] = {
    COLUMN(INTEGER, sn_rank_row, epoch, "1"),
    COLUMN(INTEGER, sn_rank_row, step, "1"),
    COLUMN(INTEGER, sn_rank_row, rank, "1"),
    COLUMN(REAL, sn_rank_row, gather_seconds, "s"),
    COLUMN(REAL, sn_rank_row, compute_seconds, "s"),
    COLUMN(REAL, sn_rank_row, wait_seconds, "s"),
    COLUMN(REAL, sn_rank_row, reduce_seconds, "s"),
    COLUMN(REAL, sn_rank_row, update_seconds, "s"),
    COLUMN(HOST, sn_rank_row, host, "name"),
};

const char *const sn_metrics_names[SN_TABLES + 1] = {"epochs", "steps", "ranks", NULL};

const sn_table sn_metrics_tables[SN_TABLES] = {
    {"one row per finished epoch; errors are fractions", sizeof(sn_epoch_row),
     offsetof(sn_epoch_row, step), 64, epoch_columns, COUNT(epoch_columns)},
    {"one row per recorded update; errors are fractions", sizeof(sn_step_row),
     offsetof(sn_step_row, step), 1024, step_columns, COUNT(step_columns)},
    {"one row per rank and epoch; seconds per phase of training", sizeof(sn_rank_row),
     offsetof(sn_rank_row, step), 256, rank_columns, COUNT(rank_columns)},
};

static const char *name_of(const sn_table *table)
{
    return sn_metrics_names[table - sn_metrics_tables];
}

int64_t sn_table_step(const sn_table *table, const void *rows, size_t row)
{
    int64_t step;
    memcpy(&step, (const char *)rows + row * table->row_bytes + table->step_offset,
           sizeof step);
    return step;
}

static size_t column_bytes(const sn_column *column)
{
    return column->kind == SN_COLUMN_HOST ? (size_t)SN_HOST_COLUMN_BYTES : 8;
}

static hid_t column_type(const sn_column *column, bool in_file)
{
    switch (column->kind) {
    case SN_COLUMN_INTEGER:
        return H5Tcopy(in_file ? H5T_STD_I64LE : H5T_NATIVE_INT64);
    case SN_COLUMN_REAL:
        return H5Tcopy(in_file ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE);
    case SN_COLUMN_HOST:
        return sn_h5_text_type(SN_HOST_COLUMN_BYTES);
    }
    return H5I_INVALID_HID;
}

static size_t packed_bytes(const sn_table *table)
{
    size_t bytes = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        bytes += column_bytes(&table->columns[i]);
    }
    return bytes;
}

hid_t sn_table_type(const sn_table *table, bool in_file)
{
    hid_t type =
        H5Tcreate(H5T_COMPOUND, in_file ? packed_bytes(table) : table->row_bytes);
    size_t offset = 0;
    for (size_t i = 0; type >= 0 && i < table->column_count; i++) {
        const sn_column *column = &table->columns[i];
        hid_t member = column_type(column, in_file);
        if (member < 0 || H5Tinsert(type, column->name,
                                    in_file ? offset : column->offset, member) < 0) {
            sn_h5_close(&type);
        }
        sn_h5_close(&member);
        offset += column_bytes(column);
    }
    return type;
}

/* Writes one attribute for users, "epoch: 1, ..., seconds: s", and one per column for
 * programs. */
static bool write_units(hid_t dataset, const sn_table *table, sn_h5_reason *why)
{
    char all[512] = "";
    for (size_t i = 0; i < table->column_count; i++) {
        const sn_column *column = &table->columns[i];
        char name[64];
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s: %s", i > 0 ? ", " : "",
                 column->name, column->unit);
        snprintf(name, sizeof name, "unit_%s", column->name);
        if (!sn_h5_write_text(dataset, name, column->unit, why)) {
            return false;
        }
    }
    return sn_h5_write_text(dataset, "units", all, why) &&
           sn_h5_write_text(dataset, "meaning", table->meaning, why);
}

bool sn_table_create(hid_t file, const sn_table *table, bool checksums,
                     sn_h5_reason *why)
{
    enum { HEADER_ATTRIBUTES = 64 };
    const hsize_t none = 0, unlimited = H5S_UNLIMITED, chunk = table->chunk_rows;
    hid_t type = sn_table_type(table, true);
    hid_t space = H5Screate_simple(1, &none, &unlimited);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    hid_t dataset = H5I_INVALID_HID;
    bool done = type >= 0 && space >= 0 && creation >= 0 &&
                H5Pset_chunk(creation, 1, &chunk) >= 0 &&
                (!checksums || H5Pset_fletcher32(creation) >= 0) &&
                H5Pset_attr_phase_change(creation, HEADER_ATTRIBUTES, 0) >= 0 &&
                (dataset = H5Dcreate2(file, name_of(table), type, space, H5P_DEFAULT,
                                      creation, H5P_DEFAULT)) >= 0;
    if (!done) {
        sn_h5_fail_library(why);
    }
    done = done && write_units(dataset, table, why);
    sn_h5_close(&dataset);
    sn_h5_close(&creation);
    sn_h5_close(&space);
    sn_h5_close(&type);
    return done;
}

bool sn_table_open(hid_t file, const sn_table *table, hid_t *dataset, uint64_t *rows,
                   sn_h5_reason *why)
{
    hsize_t extent = 0;
    hid_t type = sn_table_type(table, true);
    *dataset = H5I_INVALID_HID;
    bool done = type >= 0 || sn_h5_fail_library(why);
    done = done && sn_h5_open_object(file, name_of(table), H5I_DATASET, dataset, why) &&
           sn_h5_check_shape(*dataset, type, 1, &extent, why);
    sn_h5_close(&type);
    if (!done) {
        sn_h5_close(dataset);
    }
    *rows = extent;
    return done;
}

/* Reads rows into the buffer into or, if into is NULL, writes the rows in from. */
static bool transfer(hid_t dataset, hid_t type, uint64_t first, size_t count,
                     void *into, const void *from, sn_h5_reason *why)
{
    const hsize_t start = first, length = count;
    hid_t memory = H5Screate_simple(1, &length, NULL);
    hid_t file = H5Dget_space(dataset);
    bool done =
        memory >= 0 && file >= 0 &&
        H5Sselect_hyperslab(file, H5S_SELECT_SET, &start, NULL, &length, NULL) >= 0 &&
        (into != NULL ? H5Dread(dataset, type, memory, file, H5P_DEFAULT, into)
                      : H5Dwrite(dataset, type, memory, file, H5P_DEFAULT, from)) >= 0;
    if (!done) {
        sn_h5_fail_library(why);
    }
    sn_h5_close(&memory);
    sn_h5_close(&file);
    return done;
}

bool sn_table_read(hid_t dataset, hid_t type, uint64_t first, size_t count, void *rows,
                   sn_h5_reason *why)
{
    return transfer(dataset, type, first, count, rows, NULL, why);
}

bool sn_table_append(hid_t dataset, const sn_table *table, uint64_t present,
                     const void *rows, size_t count, sn_h5_reason *why)
{
    if (count == 0) {
        return true;
    }
    hid_t type = sn_table_type(table, false);
    const hsize_t extent = present + count;
    bool done =
        (type >= 0 && H5Dset_extent(dataset, &extent) >= 0) || sn_h5_fail_library(why);
    done = done && transfer(dataset, type, present, count, NULL, rows, why);
    sn_h5_close(&type);
    return done;
}

bool sn_table_stream(hid_t file, const sn_table *table, uint64_t first, bool all,
                     sn_metrics_receive *receive, void *user, sn_h5_reason *why)
{
    enum { BLOCK_ROWS = 1024 };
    hid_t dataset;
    uint64_t rows;
    if (!sn_table_open(file, table, &dataset, &rows, why)) {
        return false;
    }
    bool done = sn_h5_check_storage(dataset, first, rows, all, why);
    hid_t type = done ? sn_table_type(table, false) : H5I_INVALID_HID;
    char *block = done ? sn_alloc(BLOCK_ROWS, table->row_bytes) : NULL;
    if (done && (type < 0 || block == NULL)) {
        done = sn_h5_fail(why, "out of memory");
    }
    bool wanted = done && receive(user, block, 0);
    while (done && wanted && first < rows) {
        size_t count = rows - first < BLOCK_ROWS ? (size_t)(rows - first) : BLOCK_ROWS;
        done = sn_table_read(dataset, type, first, count, block, why);
        wanted = done && receive(user, block, count);
        first += count;
    }
    free(block);
    sn_h5_close(&type);
    sn_h5_close(&dataset);
    return done;
}
