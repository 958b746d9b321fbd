/* SPDX-License-Identifier: BSD-3-Clause */
/* A table of metrics.h5, read while a job writes it.
 *
 * The file changes by being replaced, so an open one is whole and stays as it is.  Rows
 * are ordered by step, and a resumed run cuts the last ones off and makes them again.
 * The follower remembers how many rows it has handed over, and the last of them.  A cut
 * is noticed by that row, whose place is empty or holds another: a row that was made
 * again differs at least in its seconds.
 *
 * Where the file ends before the step of that row, the rows of the file stand and the
 * next ones are handed over.  This misses rows that were made again, between two looks,
 * up to an earlier step than that of the last row: they count as standing.  Where the
 * file does not end earlier, nothing shows where it was cut, and every row is handed
 * over again. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/h5/format.h"
#include "store/metrics/table.h"

/* A file may be unreadable in one state for this long. */
static const double patience_seconds = 3;

typedef union any_row {
    sn_epoch_row epoch;
    sn_step_row step;
    sn_rank_row rank;
} any_row;

struct sn_metrics_follower {
    char path[SN_PATH_BYTES];
    sn_metrics_kind kind;
    bool known;               /* has the file been seen? */
    struct stat state;        /* then */
    double changed_at;        /* clock of the look that found this state */
    sn_metrics_update update; /* of that state */
    uint64_t count;           /* rows handed over */
    any_row last;             /* the last of them */
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

/* The number of rows before the first one of step 0: former versions, when killed, left
 * those where rows had not arrived. */
static size_t arrived(const sn_table *table, const void *rows, size_t count)
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

/* Finds the last epoch and the best one. */
static bool sum_up(void *user, const void *rows, size_t count)
{
    summary *so_far = user;
    const sn_epoch_row *epochs = rows;
    const size_t whole = arrived(&sn_metrics_tables[SN_TABLE_EPOCHS], rows, count);
    for (size_t i = 0; i < whole; i++) {
        so_far->update->epoch = epochs[i].epoch;
        if (epochs[i].validation_error < so_far->best) {
            so_far->best = epochs[i].validation_error;
            so_far->update->best_epoch = epochs[i].epoch;
        }
    }
    return whole == count;
}

/* Reads the row at the place of the last one handed over, or the file's last row where
 * it ends before. */
static bool read_mark(hid_t file, const sn_table *table, uint64_t count, any_row *row,
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

/* Looks for a cut and goes back to the rows that stand. */
static bool find_cut(sn_metrics_follower *follower, hid_t file,
                     sn_metrics_update *update, sn_h5_reason *why)
{
    const sn_table *table = &sn_metrics_tables[follower->kind];
    any_row row = {0};
    uint64_t rows;
    if (follower->count == 0) {
        return true;
    }
    if (!read_mark(file, table, follower->count, &row, &rows, why)) {
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

static bool hand_over(void *user, const void *rows, size_t count)
{
    delivery *to = user;
    const sn_table *table = &sn_metrics_tables[to->follower->kind];
    const size_t whole = arrived(table, rows, count);
    if (whole > 0) {
        const char *last = (const char *)rows + (whole - 1) * table->row_bytes;
        memcpy(&to->follower->last, last, table->row_bytes);
        to->follower->count += whole;
        to->wanted = to->receive(to->user, rows, whole);
    }
    return to->wanted && whole == count;
}

static bool read_news(sn_metrics_follower *follower, sn_metrics_receive *receive,
                      void *user, sn_metrics_update *update, sn_h5_reason *why)
{
    hid_t file;
    if (!sn_h5_open(follower->path, &file, why)) {
        return false;
    }
    summary epochs = {update, INFINITY};
    delivery rows = {follower, receive, user, true};
    bool done = sn_table_stream(file, &sn_metrics_tables[SN_TABLE_EPOCHS], 0, false,
                                sum_up, &epochs, why) &&
                find_cut(follower, file, update, why);
    if (done && !update->cut) {
        done = sn_table_stream(file, &sn_metrics_tables[follower->kind],
                               follower->count, false, hand_over, &rows, why);
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
    } else if (read_news(follower, receive, user, update, &why)) {
        follower->update = *update;
    } else {
        *update = (sn_metrics_update){0};
        status = sn_format_expect_metrics(follower->path, err);
        if (status == SN_OK && clock - follower->changed_at > patience_seconds) {
            status = sn_fail(err, SN_EDATA, "metrics damaged (%s): /%s: %s",
                             follower->path, sn_metrics_name(follower->kind), why.text);
        }
    }
    return status;
}
