/* SPDX-License-Identifier: BSD-3-Clause */
/** The tables of metrics.h5 and their columns. */
#ifndef SHARDNET_STORE_METRICS_TABLE_H
#define SHARDNET_STORE_METRICS_TABLE_H

#include "store/h5/h5.h"
#include "store/metrics/metrics.h"

typedef enum sn_column_kind {
    SN_COLUMN_INTEGER, /* int64 */
    SN_COLUMN_REAL,    /* double */
    SN_COLUMN_HOST     /* char[64], zero-terminated */
} sn_column_kind;

typedef struct sn_column {
    const char *name;
    sn_column_kind kind;
    size_t offset; /* offset in the row struct */
    const char *unit;
} sn_column;

/** A table: a 1-D dataset of compound type. */
typedef struct sn_table {
    const char *meaning;
    size_t row_bytes;   /* size of the row struct */
    size_t step_offset; /* offset of the step in it */
    size_t chunk_rows;
    const sn_column *columns;
    size_t column_count;
} sn_table;

enum { SN_HOST_COLUMN_BYTES = 64 };

/** The tables, indexed by sn_metrics_kind. */
extern const sn_table sn_metrics_tables[SN_TABLES];

/** Returns the type of a row in the file (packed, little-endian) or in memory, which
 *  the caller closes; a negative value on failure. */
hid_t sn_table_type(const sn_table *table, bool in_file);

/** Returns the step of one of the rows in memory. */
int64_t sn_table_step(const sn_table *table, const void *rows, size_t row);

/** Creates the empty dataset and its attributes; with checksums, HDF5 detects damaged
 *  rows. */
bool sn_table_create(hid_t file, const sn_table *table, bool checksums,
                     sn_h5_reason *why) SN_MUST_CHECK;

/** Opens the dataset and checks that it has the columns of the table.  The caller
 *  closes *dataset.  *rows is the number of rows; their storage is not checked. */
bool sn_table_open(hid_t file, const sn_table *table, hid_t *dataset, uint64_t *rows,
                   sn_h5_reason *why) SN_MUST_CHECK;

/** Reads rows first .. first + count - 1.  type describes rows (count). */
bool sn_table_read(hid_t dataset, hid_t type, uint64_t first, size_t count, void *rows,
                   sn_h5_reason *why) SN_MUST_CHECK;

/** Appends rows (count) to a dataset of present rows. */
bool sn_table_append(hid_t dataset, const sn_table *table, uint64_t present,
                     const void *rows, size_t count, sn_h5_reason *why) SN_MUST_CHECK;

/** Opens a table, checks it with sn_h5_check_storage and passes its rows from first on
 *  to receive, block by block, until receive returns false.  The first call has no
 *  rows. */
bool sn_table_stream(hid_t file, const sn_table *table, uint64_t first, bool all,
                     sn_metrics_receive *receive, void *user,
                     sn_h5_reason *why) SN_MUST_CHECK;

#endif
