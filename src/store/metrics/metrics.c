/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/metrics/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/system/file.h"
#include "store/h5/format.h"
#include "store/metrics/rows.h"
#include "store/metrics/table.h"
#include "store/paths.h"

/* Replaces the file at path by the file in memory: a kill or a full disk leaves the old
 * or the new file complete, and open readers keep the old one.  Keeps the permissions
 * of the former file. */
static sn_status publish(hid_t file, const char *path, const struct stat *former,
                         sn_error *err)
{
    char temporary[SN_PATH_BYTES];
    sn_status status = sn_path_temporary(temporary, path, err);
    if (status != SN_OK) {
        return status;
    }
    status = sn_h5_image_save(file, temporary, err);
    if (status == SN_OK && former != NULL) {
        (void)chmod(temporary, former->st_mode & 0777);
    }
    return sn_file_publish_or_remove(status, temporary, path, err);
}

static sn_status create_empty(const char *path, sn_error *err)
{
    enum { EMPTY_BYTES = 64 * 1024 };
    sn_h5_reason why;
    hid_t file;
    const int64_t version = 1;
    sn_status status = sn_h5_image_check_room(path, EMPTY_BYTES, err);
    if (status != SN_OK) {
        return status;
    }
    bool built =
        sn_h5_image_open(NULL, EMPTY_BYTES, &file, &why) &&
        sn_h5_write_text(file, "format", SN_FORMAT_NAME_METRICS, &why) &&
        sn_h5_write_number(file, "format_version", SN_H5_INT64, &version, &why);
    for (int i = 0; built && i < SN_TABLES; i++) {
        built = sn_table_create(file, &sn_metrics_tables[i], false, &why);
    }
    status = built ? publish(file, path, NULL, err)
                   : sn_fail(err, SN_ENOMEM, "cannot build in memory (%s): %s", path,
                             why.text);
    sn_h5_close(&file);
    return status;
}

/* Reports why the file could not be changed.  It is damaged only if HDF5 rejects its
 * contents. */
static sn_status report_failure(const char *path, off_t bytes, const sn_h5_reason *why,
                                sn_error *err)
{
    if (why->status == SN_EIO) {
        return sn_fail(err, SN_EIO, "cannot change (%s): %s", path, why->text);
    }
    return why->status == SN_ENOMEM && sn_h5_memory_is_short((size_t)bytes)
               ? sn_fail(err, SN_ENOMEM, "cannot change (%s): out of memory", path)
               : sn_fail(err, SN_EDATA, "metrics damaged (%s): %s", path, why->text);
}

/* Checks that the file can be opened, because HDF5 does not report why it cannot. */
static sn_status check_file(const char *path, struct stat *info, sn_error *err)
{
    const int descriptor = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    const bool found = descriptor >= 0 && fstat(descriptor, info) == 0;
    const int reason = errno;
    if (descriptor >= 0) {
        close(descriptor);
    }
    if (!found) {
        return sn_fail(err, SN_EIO, "cannot open to append (%s): %s", path,
                       strerror(reason));
    }
    return S_ISREG(info->st_mode)
               ? SN_OK
               : sn_fail(err, SN_EIO, "cannot open to append (%s): not a file", path);
}

/* Callback that changes one table. */
typedef bool edit(hid_t file, sn_metrics_kind kind, const void *user,
                  sn_h5_reason *why);

/* Calls edits for every table of the file in memory and replaces the file.  The edits
 * add about more_bytes.  Returns SN_EDATA if HDF5 rejects the file. */
static sn_status change(const char *path, size_t more_bytes, edit *edits,
                        const void *user, sn_error *err)
{
    enum { EXTRA_BYTES = 1 << 20 }; /* the last chunks and the index */
    struct stat former = {0};
    sn_h5_reason why;
    hid_t file;
    sn_status status = check_file(path, &former, err);
    const size_t bytes = (size_t)former.st_size + more_bytes + EXTRA_BYTES;
    if (status == SN_OK) {
        status = sn_h5_image_check_room(path, bytes, err);
    }
    if (status != SN_OK) {
        return status;
    }
    bool done = sn_h5_image_open(path, bytes, &file, &why);
    for (int i = 0; done && i < SN_TABLES; i++) {
        done = edits(file, (sn_metrics_kind)i, user, &why);
    }
    if (done && H5Fflush(file, H5F_SCOPE_GLOBAL) < 0) {
        done = sn_h5_fail_library(&why);
    }
    status = done ? publish(file, path, &former, err)
                  : report_failure(path, former.st_size, &why, err);
    sn_h5_close(&file);
    return status == SN_ECREATE ? SN_EIO : status;
}

/* Opens a table and checks its last chunk alone: new rows may extend it; no other chunk
 * is read. */
static bool open_end(hid_t file, sn_metrics_kind kind, hid_t *dataset,
                     uint64_t *present, sn_h5_reason *why)
{
    if (!sn_table_open(file, &sn_metrics_tables[kind], dataset, present, why)) {
        return false;
    }
    const uint64_t last = *present > 0 ? *present - 1 : 0;
    if (!sn_h5_check_storage(*dataset, last, *present, true, why)) {
        sn_h5_close(dataset);
        return false;
    }
    return true;
}

/* Reads the steps of rows first .. first + count - 1. */
static bool read_steps(hid_t dataset, uint64_t first, size_t count, int64_t *steps,
                       sn_h5_reason *why)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof steps[0]);
    bool done = (type >= 0 && H5Tinsert(type, "step", 0, H5T_NATIVE_INT64) >= 0) ||
                sn_h5_fail_library(why);
    done = done && sn_table_read(dataset, type, first, count, steps, why);
    sn_h5_close(&type);
    return done;
}

/* The rows to append; only_missing selects those after the table's last step. */
typedef struct addition {
    const sn_rows *rows;
    bool only_missing;
} addition;

static bool append_table(hid_t file, sn_metrics_kind kind, const void *user,
                         sn_h5_reason *why)
{
    const addition *added = user;
    const sn_table *table = &sn_metrics_tables[kind];
    const size_t count = added->rows->table[kind].count;
    const char *rows = added->rows->table[kind].rows;
    hid_t dataset;
    uint64_t present;
    int64_t last = 0;
    size_t first = 0;
    if (count == 0) {
        return true;
    }
    if (!open_end(file, kind, &dataset, &present, why)) {
        return false;
    }
    bool done = !added->only_missing || present == 0 ||
                read_steps(dataset, present - 1, 1, &last, why);
    while (added->only_missing && first < count &&
           sn_table_step(table, rows, first) <= last) {
        first++;
    }
    done = done && sn_table_append(dataset, table, present,
                                   rows + first * table->row_bytes, count - first, why);
    sn_h5_close(&dataset);
    return done;
}

static sn_status append(const char *path, const sn_rows *rows, bool only_missing,
                        sn_error *err)
{
    const addition added = {rows, only_missing};
    sn_h5_silence();
    if (sn_fault_check("metrics.append", 0, sn_rows_last_step(rows), err) != SN_OK) {
        return SN_EIO;
    }
    size_t bytes = 0;
    for (int i = 0; i < SN_TABLES; i++) {
        bytes += rows->table[i].count * sn_metrics_tables[i].row_bytes;
    }
    sn_status status = sn_file_exists(path) ? SN_OK : create_empty(path, err);
    if (status == SN_OK && bytes > 0) {
        status = change(path, bytes, append_table, &added, err);
    }
    return status == SN_EDATA ? SN_EIO : status;
}

sn_status sn_metrics_append(const char *path, const sn_rows *rows, sn_error *err)
{
    return append(path, rows, false, err);
}

sn_status sn_metrics_restore(const char *path, const sn_rows *rows, sn_error *err)
{
    return append(path, rows, true, err);
}

/* Sets *kept to the number of rows up to the last one with 1 <= step <= limit.  Reads
 * blocks from the end, because rows are ordered by step.  Rows with step 0 remain from
 * older versions that were killed before they wrote the rows. */
static bool rows_to_keep(hid_t dataset, uint64_t rows, int64_t limit, uint64_t *kept,
                         sn_h5_reason *why)
{
    enum { BLOCK_ROWS = 1024 };
    int64_t steps[BLOCK_ROWS];
    bool done = true;
    *kept = 0;
    while (done && rows > 0 && *kept == 0) {
        size_t count = rows < BLOCK_ROWS ? (size_t)rows : BLOCK_ROWS;
        done = read_steps(dataset, rows - count, count, steps, why);
        for (size_t i = count; done && i > 0 && *kept == 0; i--) {
            if (steps[i - 1] >= 1 && steps[i - 1] <= limit) {
                *kept = rows - count + i;
            }
        }
        rows -= count;
    }
    return done;
}

static bool cut_table(hid_t file, sn_metrics_kind kind, const void *user,
                      sn_h5_reason *why)
{
    const sn_table *table = &sn_metrics_tables[kind];
    const int64_t *step = user;
    hid_t dataset;
    uint64_t rows, kept;
    if (!sn_table_open(file, table, &dataset, &rows, why)) {
        return false;
    }
    bool done = sn_h5_check_storage(dataset, 0, rows, false, why) &&
                rows_to_keep(dataset, rows, *step, &kept, why);
    if (done && kept < rows) {
        const hsize_t extent = kept;
        done = H5Dset_extent(dataset, &extent) >= 0 || sn_h5_fail_library(why);
    }
    done = done && sn_h5_check_storage(dataset, 0, kept, true, why);
    sn_h5_close(&dataset);
    return done;
}

static sn_status replace_damaged(const char *path, sn_error *warning, sn_error *err)
{
    char aside[SN_PATH_BYTES];
    const sn_status status = sn_file_move_away(path, SN_DAMAGED, aside, err);
    if (status != SN_OK) {
        return status;
    }
    const char *slash = strrchr(aside, '/');
    (void)sn_fail(warning, SN_OK,
                  "metrics (%s): damaged; moved to %s; a new file is created", path,
                  slash != NULL ? slash + 1 : aside);
    return create_empty(path, err);
}

sn_status sn_metrics_cut(const char *path, int64_t step, sn_error *warning,
                         sn_error *err)
{
    sn_h5_silence();
    if (!sn_file_exists(path)) {
        return create_empty(path, err);
    }
    const sn_status status = change(path, 0, cut_table, &step, err);
    return status == SN_EDATA ? replace_damaged(path, warning, err) : status;
}
