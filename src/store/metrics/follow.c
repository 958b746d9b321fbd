/* SPDX-License-Identifier: BSD-3-Clause */
/* Follows a table of metrics.h5 while a job writes it.
 *
 * The job replaces the file and never changes it in place, so an open file is
 * complete.  Rows are ordered by step.  A resumed run removes the last rows and
 * computes them again.  The follower stores the number of rows delivered and the last
 * of them.  If the file has no row or a different row at that index, rows were
 * removed: a recomputed row differs at least in its seconds.
 *
 * If the file now ends at an earlier step than the last row delivered, its rows count
 * as delivered and the follower continues after them.  This misses rows that a resumed
 * run recomputed between two polls.  If the file does not end earlier, the place of
 * the cut is unknown, and every row is delivered again. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/system/clock.h"
#include "store/h5/format.h"
#include "store/metrics/table.h"

/* An unchanged file may be unreadable for this long. */
static const double patience_seconds = 3;

typedef union any_row {
    sn_epoch_row epoch;
    sn_step_row step;
    sn_rank_row rank;
} any_row;

struct sn_metrics_follower {
    char path[SN_PATH_BYTES];
    sn_metrics_kind kind;
    bool known;               /* the file existed at an earlier poll */
    struct stat state;        /* its state at the last poll */
    double changed_at;        /* clock of the first poll with this state */
    sn_metrics_update update; /* result of the last poll that could read the file */
    uint64_t count;           /* rows delivered */
    any_row last;             /* the last row delivered */
};

sn_status sn_metrics_follower_create(const char *path, sn_metrics_kind kind,
                                     sn_metrics_follower **follower, sn_error *err)
{
    *follower = NULL;
    if (strlen(path) >= SN_PATH_BYTES) {
        return sn_fail(err, SN_ERANGE, "path too long (%s)", path);
    }
    sn_metrics_follower *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return sn_fail(err, SN_ENOMEM, "metrics (%s): out of memory", path);
    }
    strcpy(made->path, path);
    made->kind = kind;
    *follower = made;
    return SN_OK;
}

void sn_metrics_follower_destroy(sn_metrics_follower **follower)
{
    free(*follower);
    *follower = NULL;
}

static bool same_state(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Returns the number of rows before the first one with step 0.  Older versions left
 * such rows when they were killed. */
static size_t count_valid(const sn_table *table, const void *rows, size_t count)
{
    size_t first = 0;
    while (first < count && sn_table_step(table, rows, first) >= 1) {
        first++;
    }
    return first;
}

typedef struct summary {
    sn_metrics_update *update;
    double best;
} summary;

/* Finds the last and the best epoch. */
static bool summarize(void *user, const void *rows, size_t count)
{
    summary *so_far = user;
    const sn_epoch_row *epochs = rows;
    const size_t valid = count_valid(&sn_metrics_tables[SN_TABLE_EPOCHS], rows, count);
    for (size_t i = 0; i < valid; i++) {
        so_far->update->epoch = epochs[i].epoch;
        if (epochs[i].validation_error < so_far->best) {
            so_far->best = epochs[i].validation_error;
            so_far->update->best_epoch = epochs[i].epoch;
        }
    }
    return valid == count;
}

/* Reads the row at the index of the last row delivered, or the last row of a shorter
 * file. */
static bool read_last(hid_t file, const sn_table *table, uint64_t count, any_row *row,
                      uint64_t *rows, sn_h5_reason *why)
{
    hid_t dataset;
    if (!sn_table_open(file, table, &dataset, rows, why)) {
        return false;
    }
    const uint64_t end = *rows < count ? *rows : count;
    hid_t type = sn_table_type(table, false);
    bool done = type >= 0 || sn_h5_fail_library(why);
    if (done && end > 0) {
        done = sn_h5_check_storage(dataset, end - 1, end, false, why) &&
               sn_table_read(dataset, type, end - 1, 1, row, why);
    }
    sn_h5_close(&type);
    sn_h5_close(&dataset);
    return done;
}

/* Detects removed rows and resets the follower to the rows that remain. */
static bool find_cut(sn_metrics_follower *follower, hid_t file,
                     sn_metrics_update *update, sn_h5_reason *why)
{
    const sn_table *table = &sn_metrics_tables[follower->kind];
    any_row row = {0};
    uint64_t rows;
    if (follower->count == 0) {
        return true;
    }
    if (!read_last(file, table, follower->count, &row, &rows, why)) {
        return false;
    }
    const bool shorter = rows < follower->count;
    if (!shorter && memcmp(&row, &follower->last, table->row_bytes) == 0) {
        return true;
    }
    const int64_t step = sn_table_step(table, &row, 0);
    const bool earlier =
        shorter && step >= 1 && step < sn_table_step(table, &follower->last, 0);
    update->cut = true;
    update->cut_step = earlier ? step : 0;
    follower->count = earlier ? rows : 0;
    follower->last = row;
    return true;
}

typedef struct delivery {
    sn_metrics_follower *follower;
    sn_metrics_receive *receive;
    void *user;
    bool wanted;
} delivery;

static bool deliver(void *user, const void *rows, size_t count)
{
    delivery *to = user;
    const sn_table *table = &sn_metrics_tables[to->follower->kind];
    const size_t valid = count_valid(table, rows, count);
    if (valid > 0) {
        const char *last = (const char *)rows + (valid - 1) * table->row_bytes;
        memcpy(&to->follower->last, last, table->row_bytes);
        to->follower->count += valid;
        to->wanted = to->receive(to->user, rows, valid);
    }
    return to->wanted && valid == count;
}

static bool read_new_rows(sn_metrics_follower *follower, sn_metrics_receive *receive,
                          void *user, sn_metrics_update *update, sn_h5_reason *why)
{
    hid_t file;
    if (!sn_h5_open(follower->path, &file, why)) {
        return false;
    }
    summary epochs = {update, INFINITY};
    delivery rows = {follower, receive, user, true};
    bool done = sn_table_stream(file, &sn_metrics_tables[SN_TABLE_EPOCHS], 0, false,
                                summarize, &epochs, why) &&
                find_cut(follower, file, update, why);
    if (done && !update->cut) {
        done = sn_table_stream(file, &sn_metrics_tables[follower->kind],
                               follower->count, false, deliver, &rows, why);
        update->complete = rows.wanted;
    }
    sn_h5_close(&file);
    return done;
}

sn_status sn_metrics_poll(sn_metrics_follower *follower, sn_metrics_receive *receive,
                          void *user, sn_metrics_update *update, sn_error *err)
{
    sn_h5_silence();
    *update = (sn_metrics_update){0};
    const double clock = sn_clock_seconds();
    struct stat now;
    sn_status status = sn_h5_check_file(follower->path, err);
    if (status == SN_OK && stat(follower->path, &now) != 0) {
        status = sn_fail(err, SN_ENOINPUT, "cannot open (%s): %s", follower->path,
                         strerror(errno));
    }
    if (status != SN_OK) {
        return status;
    }
    if (!follower->known || !same_state(&now, &follower->state)) {
        follower->known = true;
        follower->state = now;
        follower->update.complete = false;
        follower->changed_at = clock;
    }
    sn_h5_reason why;
    if (follower->update.complete) {
        *update = follower->update;
    } else if (read_new_rows(follower, receive, user, update, &why)) {
        follower->update = *update;
    } else {
        *update = (sn_metrics_update){0};
        status = sn_format_expect_metrics(follower->path, err);
        if (status == SN_OK && clock - follower->changed_at > patience_seconds) {
            status =
                sn_fail(err, SN_EDATA, "metrics damaged (%s): /%s: %s", follower->path,
                        sn_metrics_names[follower->kind], why.text);
        }
    }
    return status;
}
