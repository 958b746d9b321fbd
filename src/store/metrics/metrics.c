#include "store/metrics/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "store/h5/format.h"
#include "store/metrics/table.h"
#include "store/paths.h"

/* The rows of one call, in the order of sn_metrics_tables. */
typedef struct batch {
    const void *rows[SN_TABLES];
    size_t count[SN_TABLES];
} batch;

static int64_t last_step(const batch *added)
{
    int64_t last = -1;
    for (int i = 0; i < SN_TABLES; i++) {
        if (added->count[i] > 0) {
            int64_t step = sn_table_step(&sn_metrics_tables[i], added->rows[i],
                                         added->count[i] - 1);
            last = step > last ? step : last;
        }
    }
    return last;
}

static sn_status create_empty(const char *path, sn_error *err)
{
    enum { EMPTY_BYTES = 64 * 1024 };
    char temporary[SN_PATH_BYTES];
    sn_status status = sn_path_temporary(temporary, path, err);
    if (status != SN_OK) {
        return status;
    }
    sn_h5_why why;
    hid_t file;
    const int64_t version = 1;
    bool built =
        sn_h5_image_create(EMPTY_BYTES, &file, &why) &&
        sn_h5_write_text(file, "format", SN_FORMAT_NAME_METRICS, &why) &&
        sn_h5_write_number(file, "format_version", SN_H5_INT64, &version, &why);
    for (int i = 0; built && i < SN_TABLES; i++) {
        built = sn_table_create(file, &sn_metrics_tables[i], &why);
    }
    status = built ? sn_h5_image_save(file, temporary, err)
                   : sn_fail(err, SN_ENOMEM, "cannot build in memory (%s): %s", path,
                             why.text);
    sn_h5_close(&file);
    return sn_file_conclude(status, temporary, path, err);
}

/* Room that the rows take in the file: whole chunks and their index, generously. */
static off_t room_for(const batch *added)
{
    enum { INDEX_BYTES = 64 * 1024, INDEX_BYTES_A_CHUNK = 256 };
    size_t bytes = INDEX_BYTES;
    for (int i = 0; i < SN_TABLES; i++) {
        const sn_table *table = &sn_metrics_tables[i];
        size_t chunks = added->count[i] / table->chunk_rows + 2;
        bytes += chunks * (table->chunk_rows * table->row_bytes + INDEX_BYTES_A_CHUNK);
    }
    return (off_t)bytes;
}

/* Asks the file system for room behind the end of the file before HDF5 changes
 * anything, so that a full disk meets the library as rarely as can be.  HDF5 gives the
 * rest back when it closes the file. */
static sn_status reserve(const char *path, off_t old_bytes, off_t room, sn_error *err)
{
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) {
        return sn_fail(err, SN_EIO, "cannot open to append (%s): %s", path,
                       strerror(errno));
    }
    int reason = posix_fallocate(descriptor, old_bytes, room);
    close(descriptor);
    /* any other reason means that the file system cannot reserve, which is no harm */
    bool full =
        reason == ENOSPC || reason == EFBIG || reason == EDQUOT || reason == EIO;
    return full ? sn_fail(err, SN_EIO, "cannot append (%s): %s; free some space", path,
                          strerror(reason))
                : SN_OK;
}

/* A copy of metrics.h5 that is open for a change. */
typedef struct change {
    const char *path;
    off_t bytes; /* before */
    char temporary[SN_PATH_BYTES];
    hid_t file;
} change;

static sn_status check_file(const char *path, off_t *bytes, sn_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0 || access(path, R_OK | W_OK) != 0) {
        return sn_fail(err, SN_EIO, "cannot open to append (%s): %s", path,
                       strerror(errno));
    }
    *bytes = info.st_size;
    return S_ISREG(info.st_mode)
               ? SN_OK
               : sn_fail(err, SN_EIO, "cannot open to append (%s): not a file", path);
}

/* Memory is short, or the file's own claims on it are absurd: where as much as it holds
 * is to be had, they are. */
static bool memory_is_short(off_t file_bytes)
{
    enum { AND_BYTES = 16 << 20 };
    void *memory = malloc((size_t)file_bytes + AND_BYTES);
    free(memory);
    return memory == NULL;
}

/* What kept a change from being made: only what HDF5 rejects is damage. */
static sn_status blame(const change *begun, const sn_h5_why *why, sn_error *err)
{
    const char *path = begun->path;
    if (why->status == SN_EIO) {
        return sn_fail(err, SN_EIO, "cannot change (%s): %s", path, why->text);
    }
    return why->status == SN_ENOMEM && memory_is_short(begun->bytes)
               ? sn_fail(err, SN_ENOMEM, "cannot change (%s): out of memory", path)
               : sn_fail(err, SN_EDATA, "metrics damaged (%s): %s", path, why->text);
}

/* A copy is changed and then put in the place of the file, so that a kill or a full
 * disk at any moment leaves the old or the new one, whole, and somebody's reader is
 * never disturbed.  SN_EDATA when HDF5 cannot read it. */
static sn_status begin_change(change *begun, const char *path, const batch *added,
                              sn_error *err)
{
    *begun = (change){.path = path, .file = H5I_INVALID_HID};
    sn_status status = sn_path_temporary(begun->temporary, path, err);
    if (status == SN_OK) {
        status = check_file(path, &begun->bytes, err);
    }
    if (status == SN_OK) {
        status = sn_file_copy(path, begun->temporary, err);
    }
    if (status != SN_OK) {
        return SN_EIO;
    }
    sn_h5_why why;
    status = reserve(begun->temporary, begun->bytes, room_for(added), err);
    if (status == SN_OK && !sn_h5_edit(begun->temporary, &begun->file, &why)) {
        status = blame(begun, &why, err);
    }
    if (status != SN_OK) {
        (void)unlink(begun->temporary);
    }
    return status;
}

/* Makes the change last. */
static sn_status end_change(change *begun, sn_error *err)
{
    sn_h5_why why;
    sn_status status = SN_OK;
    if (!sn_h5_finish(&begun->file, &why)) {
        status = sn_fail(err, SN_EIO, "cannot append (%s): %s", begun->path, why.text);
    }
    return sn_file_conclude(status, begun->temporary, begun->path, err);
}

/* Leaves the file as it was. */
static void drop_change(change *begun)
{
    sn_h5_detach(begun->file);
    sn_h5_close(&begun->file);
    (void)unlink(begun->temporary);
}

/* Flushes and closes a dataset, or, where that fails or done is false, writes nothing
 * more. */
static bool finish_table(hid_t file, hid_t dataset, bool done, sn_h5_why *why)
{
    if (done && H5Fflush(dataset, H5F_SCOPE_GLOBAL) < 0) {
        done = sn_h5_explain(why);
    }
    if (!done) {
        sn_h5_detach(file);
    }
    sn_h5_close(&dataset);
    return done;
}

static bool append_table(hid_t file, const sn_table *table, const void *rows,
                         size_t count, sn_h5_why *why)
{
    hid_t dataset;
    uint64_t present;
    if (!sn_table_open(file, table, &dataset, &present, why)) {
        return false;
    }
    hid_t type = sn_table_memory_type(table);
    const hsize_t extent = present + count;
    /* only the last chunk is read, and only where the rows to come share it */
    const uint64_t last = present > 0 ? present - 1 : 0;
    bool done = sn_table_check(file, dataset, table, last, present, true, why);
    if (done && (type < 0 || H5Dset_extent(dataset, &extent) < 0)) {
        done = sn_h5_explain(why);
    }
    done = done && sn_table_write(dataset, type, present, count, rows, why);
    sn_h5_close(&type);
    return finish_table(file, dataset, done, why);
}

static sn_status append_all(const char *path, const batch *added, sn_error *err)
{
    change begun;
    sn_status status = begin_change(&begun, path, added, err);
    if (status != SN_OK) {
        return status == SN_EDATA ? SN_EIO : status;
    }
    sn_h5_why why;
    bool done = true;
    for (int i = 0; done && i < SN_TABLES; i++) {
        if (added->count[i] > 0) {
            done = append_table(begun.file, &sn_metrics_tables[i], added->rows[i],
                                added->count[i], &why);
        }
    }
    if (!done) {
        drop_change(&begun);
        return sn_fail(err, why.status == SN_ENOMEM ? SN_ENOMEM : SN_EIO,
                       "cannot append (%s): %s", path, why.text);
    }
    return end_change(&begun, err);
}

sn_status sn_metrics_append(const char *path, const sn_epoch_row *epochs,
                            size_t epoch_count, const sn_step_row *steps,
                            size_t step_count, const sn_rank_row *ranks,
                            size_t rank_count, sn_error *err)
{
    sn_h5_begin();
    const batch added = {{epochs, steps, ranks}, {epoch_count, step_count, rank_count}};
    if (sn_fault_check("metrics.append", 0, last_step(&added), err) != SN_OK) {
        return SN_EIO;
    }
    sn_status status = sn_file_exists(path) ? SN_OK : create_empty(path, err);
    if (status != SN_OK || epoch_count + step_count + rank_count == 0) {
        return status;
    }
    return append_all(path, &added, err);
}

/* Counts the rows up to the last one of 1 <= step <= limit.  Rows are ordered by step,
 * so only what goes and one block more is read; a step of 0 is what former versions
 * left where they were killed before rows arrived. */
static bool rows_to_keep(hid_t dataset, uint64_t rows, int64_t limit, uint64_t *kept,
                         sn_h5_why *why)
{
    enum { BLOCK_ROWS = 1024 };
    int64_t steps[BLOCK_ROWS];
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof steps[0]);
    bool done = (type >= 0 && H5Tinsert(type, "step", 0, H5T_NATIVE_INT64) >= 0) ||
                sn_h5_explain(why);
    *kept = 0;
    while (done && rows > 0 && *kept == 0) {
        size_t count = rows < BLOCK_ROWS ? (size_t)rows : BLOCK_ROWS;
        done = sn_table_read(dataset, type, rows - count, count, steps, why);
        for (size_t i = count; done && i > 0 && *kept == 0; i--) {
            if (steps[i - 1] >= 1 && steps[i - 1] <= limit) {
                *kept = rows - count + i;
            }
        }
        rows -= count;
    }
    sn_h5_close(&type);
    return done;
}

static bool cut_table(hid_t file, const sn_table *table, int64_t step, bool *changed,
                      sn_h5_why *why)
{
    hid_t dataset;
    uint64_t rows, kept;
    if (!sn_table_open(file, table, &dataset, &rows, why)) {
        return false;
    }
    bool done = sn_table_check(file, dataset, table, 0, rows, false, why) &&
                rows_to_keep(dataset, rows, step, &kept, why);
    if (done && kept < rows) {
        const hsize_t extent = kept;
        *changed = true;
        done = H5Dset_extent(dataset, &extent) >= 0 || sn_h5_explain(why);
    }
    done = done && sn_table_check(file, dataset, table, 0, kept, true, why);
    return finish_table(file, dataset, done, why);
}

/* SN_EDATA where HDF5 rejects the file. */
static sn_status cut_all(const char *path, int64_t step, sn_error *err)
{
    const batch nothing = {{NULL, NULL, NULL}, {0, 0, 0}};
    change begun;
    sn_status status = begin_change(&begun, path, &nothing, err);
    if (status != SN_OK) {
        return status;
    }
    sn_h5_why why;
    bool done = true, changed = false;
    for (int i = 0; done && i < SN_TABLES; i++) {
        done = cut_table(begun.file, &sn_metrics_tables[i], step, &changed, &why);
    }
    if (done && changed) {
        return end_change(&begun, err);
    }
    drop_change(&begun);
    return done ? SN_OK : blame(&begun, &why, err);
}

static sn_status replace_damaged(const char *path, int *number, sn_error *err)
{
    char aside[SN_PATH_BYTES];
    const sn_status status = sn_file_set_aside(path, SN_DAMAGED, aside, number, err);
    return status == SN_OK ? create_empty(path, err) : status;
}

sn_status sn_metrics_cut(const char *path, int64_t step, int *replaced, sn_error *err)
{
    sn_h5_begin();
    *replaced = 0;
    if (!sn_file_exists(path)) {
        return create_empty(path, err);
    }
    sn_status status = cut_all(path, step, err);
    if (status == SN_EDATA) {
        status = replace_damaged(path, replaced, err);
    }
    return status;
}
