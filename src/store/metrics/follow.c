/* A table of metrics.h5 read while somebody else writes it.
 *
 * The file changes by being replaced, so what is opened is whole and stays as it is.  A
 * resumed run cuts rows back and makes them again: they are told by their hashes, since
 * others may stand in their place by the time of the next look. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/h5/format.h"
#include "store/metrics/table.h"

enum { BLOCK_ROWS = 1024 };

/* How long a file may be unreadable in one state. */
static const double patience_seconds = 3;

struct sn_metrics_follower {
    char path[SN_PATH_BYTES];
    sn_metrics_kind kind;
    bool known;                /* has the file been seen? */
    struct stat state;         /* then */
    bool complete;             /* has all of that state been handed over? */
    double changed_at;         /* clock of the look that found this state */
    int64_t epoch, best_epoch; /* as in sn_metrics_news, of that state */
    uint64_t *hashes;          /* of the rows handed over (capacity) */
    size_t count, capacity;
};

/* An open table. */
typedef struct source {
    const sn_table *table;
    hid_t dataset, type;
    uint64_t rows;
    char *block; /* (BLOCK_ROWS) rows */
} source;

sn_status sn_metrics_follow(const char *path, sn_metrics_kind kind,
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

void sn_metrics_unfollow(sn_metrics_follower **follower)
{
    if (*follower != NULL) {
        free((*follower)->hashes);
        free(*follower);
        *follower = NULL;
    }
}

static bool same_state(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void close_source(source *from)
{
    free(from->block);
    sn_h5_close(&from->type);
    sn_h5_close(&from->dataset);
}

static bool open_source(hid_t file, sn_metrics_kind kind, source *from, sn_h5_why *why)
{
    *from = (source){.table = &sn_metrics_tables[kind],
                     .dataset = H5I_INVALID_HID,
                     .type = H5I_INVALID_HID};
    if (!sn_table_open(file, from->table, &from->dataset, &from->rows, why) ||
        !sn_table_check(file, from->dataset, from->table, 0, from->rows, false, why)) {
        close_source(from);
        return false;
    }
    from->type = sn_table_memory_type(from->table);
    from->block = sn_alloc(BLOCK_ROWS, from->table->row_bytes);
    if (from->type < 0 || from->block == NULL) {
        close_source(from);
        return sn_h5_because(why, "out of memory");
    }
    return true;
}

/* Rows first, first + 1, ... into the block, as many as have arrived: former versions,
 * when killed, left rows of step 0. */
static bool read_block(source *from, uint64_t first, uint64_t end, size_t *count,
                       sn_h5_why *why)
{
    const size_t wanted = end - first < BLOCK_ROWS ? (size_t)(end - first) : BLOCK_ROWS;
    *count = 0;
    if (wanted == 0) {
        return true;
    }
    if (!sn_table_read(from->dataset, from->type, first, wanted, from->block, why)) {
        return false;
    }
    while (*count < wanted && sn_table_step(from->table, from->block, *count) >= 1) {
        ++*count;
    }
    return true;
}

static uint64_t row_hash(const source *from, size_t row)
{
    return sn_hash(0, from->block + row * from->table->row_bytes,
                   from->table->row_bytes);
}

/* How many of the rows handed over still stand, and the step of the last of them. */
static bool find_standing(const sn_metrics_follower *follower, source *from,
                          uint64_t *standing, int64_t *step, sn_h5_why *why)
{
    size_t count;
    const uint64_t known = follower->count;
    *standing = 0;
    *step = 0;
    if (known == 0) {
        return true;
    }
    if (from->rows >= known) { /* where the last one stands, so do those before */
        if (!read_block(from, known - 1, known, &count, why)) {
            return false;
        }
        if (count == 1 && row_hash(from, 0) == follower->hashes[known - 1]) {
            *standing = known;
            return true;
        }
    }
    const uint64_t end = from->rows < known ? from->rows : known;
    bool same = true;
    for (uint64_t first = 0; same && first < end; first += BLOCK_ROWS) {
        if (!read_block(from, first, end, &count, why)) {
            return false;
        }
        same = count > 0;
        for (size_t i = 0; same && i < count; i++) {
            same = row_hash(from, i) == follower->hashes[first + i];
            if (same) {
                *standing = first + i + 1;
                *step = sn_table_step(from->table, from->block, i);
            }
        }
    }
    return true;
}

static bool reserve(sn_metrics_follower *follower, size_t more)
{
    if (follower->count + more <= follower->capacity) {
        return true;
    }
    const size_t wanted = 2 * (follower->count + more);
    size_t bytes;
    uint64_t *grown = sn_size_multiply(wanted, sizeof *grown, &bytes)
                          ? realloc(follower->hashes, bytes)
                          : NULL;
    if (grown == NULL) {
        return false;
    }
    follower->hashes = grown;
    follower->capacity = wanted;
    return true;
}

/* Hands over the rows behind those known; *complete when these were all. */
static bool hand_over(sn_metrics_follower *follower, source *from,
                      sn_metrics_take *take, void *user, bool *complete, sn_h5_why *why)
{
    bool wanted = true;
    size_t count = 1;
    while (wanted && count > 0 && follower->count < from->rows) {
        if (!read_block(from, follower->count, from->rows, &count, why)) {
            return false;
        }
        if (!reserve(follower, count)) {
            return sn_h5_because(why, "out of memory");
        }
        for (size_t i = 0; i < count; i++) {
            follower->hashes[follower->count + i] = row_hash(from, i);
        }
        follower->count += count;
        wanted = count == 0 || take(user, from->block, count);
    }
    *complete = wanted;
    return true;
}

/* The last epoch and the best one. */
static bool sum_up(hid_t file, sn_metrics_news *news, sn_h5_why *why)
{
    source from;
    if (!open_source(file, SN_TABLE_EPOCHS, &from, why)) {
        return false;
    }
    double best = INFINITY;
    bool done = true;
    size_t count = 1;
    for (uint64_t first = 0; done && count > 0 && first < from.rows; first += count) {
        done = read_block(&from, first, from.rows, &count, why);
        const sn_epoch_row *rows = (const void *)from.block;
        for (size_t i = 0; done && i < count; i++) {
            news->epoch = rows[i].epoch;
            if (rows[i].validation_error < best) {
                best = rows[i].validation_error;
                news->best_epoch = rows[i].epoch;
            }
        }
    }
    close_source(&from);
    return done;
}

static bool read_news(sn_metrics_follower *follower, sn_metrics_take *take, void *user,
                      sn_metrics_news *news, sn_h5_why *why)
{
    hid_t file;
    source from;
    if (!sn_h5_glance(follower->path, &file, why)) {
        return false;
    }
    bool done =
        sum_up(file, news, why) && open_source(file, follower->kind, &from, why);
    if (done) {
        uint64_t standing;
        done = find_standing(follower, &from, &standing, &news->cut_step, why);
        if (done && standing < follower->count) {
            news->cut = true;
            follower->count = (size_t)standing;
        } else if (done) {
            done = hand_over(follower, &from, take, user, &news->complete, why);
        }
        close_source(&from);
    }
    sn_h5_close(&file);
    return done;
}

sn_status sn_metrics_look(sn_metrics_follower *follower, sn_metrics_take *take,
                          void *user, sn_metrics_news *news, sn_error *err)
{
    sn_h5_begin();
    *news = (sn_metrics_news){0};
    const double clock = sn_clock_seconds();
    struct stat now;
    sn_status status = sn_h5_find(follower->path, err);
    if (status == SN_OK && stat(follower->path, &now) != 0) {
        status = sn_fail(err, SN_ENOINPUT, "cannot open (%s): %s", follower->path,
                         strerror(errno));
    }
    if (status != SN_OK) {
        return status;
    }
    const bool same = follower->known && same_state(&now, &follower->state);
    if (same && follower->complete) {
        *news = (sn_metrics_news){.complete = true,
                                  .epoch = follower->epoch,
                                  .best_epoch = follower->best_epoch};
        return SN_OK;
    }
    if (!same) {
        follower->known = true;
        follower->state = now;
        follower->complete = false;
        follower->changed_at = clock;
    }
    sn_h5_why why;
    if (!read_news(follower, take, user, news, &why)) {
        *news = (sn_metrics_news){0};
        status = sn_format_expect_metrics(follower->path, err);
        if (status != SN_OK) {
            return status;
        }
        return clock - follower->changed_at <= patience_seconds
                   ? SN_OK
                   : sn_fail(err, SN_EDATA, "metrics damaged (%s): /%s: %s",
                             follower->path, sn_metrics_name(follower->kind), why.text);
    }
    follower->complete = news->complete;
    follower->epoch = news->epoch;
    follower->best_epoch = news->best_epoch;
    return SN_OK;
}
