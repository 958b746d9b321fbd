/* SPDX-License-Identifier: BSD-3-Clause */
/** A metrics file in a temporary folder, rows with distinct values, and functions that
 *  append, cut and check them. */
#ifndef SHARDNET_TESTS_METRICS_FIXTURE_H
#define SHARDNET_TESTS_METRICS_FIXTURE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/system/file.h"
#include "store/metrics/rows.h"
#include "support.h"

enum { STEPS_PER_EPOCH = 700, RANKS = 3 };

typedef struct fixture {
    char folder[64];
    char path[128];
} fixture;

static inline int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->folder, "/tmp/shardnet-metrics-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/metrics.h5", f->folder);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    fixture *f = *state;
    DIR *stream = opendir(f->folder);
    assert_non_null(stream);
    const struct dirent *entry;
    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.') {
            char path[512];
            snprintf(path, sizeof path, "%s/%s", f->folder, entry->d_name);
            assert_int_equal(unlink(path), 0);
        }
    }
    closedir(stream);
    assert_int_equal(rmdir(f->folder), 0);
    free(f);
    return 0;
}

static inline sn_epoch_row epoch_row(int64_t epoch)
{
    const double x = (double)epoch;
    return (sn_epoch_row){.epoch = epoch,
                          .step = epoch * STEPS_PER_EPOCH,
                          .learning_rate = 0.1 / x,
                          .train_loss = 1.0 / (3.0 + x),
                          .penalty = epoch % 2 == 0 ? 0 : 1e-300,
                          .train_error = 1.0 / (7.0 * x),
                          .validation_loss = epoch % 2 == 0 ? NAN : 0.3,
                          .validation_error = epoch % 2 == 0 ? NAN : 0.02,
                          .test_loss = NAN,
                          .test_error = NAN,
                          .seconds = 0.1 * x,
                          .samples_per_second = 123456.789 * x};
}

static inline sn_step_row step_row(int64_t step)
{
    return (sn_step_row){.step = step,
                         .epoch = (step - 1) / STEPS_PER_EPOCH,
                         .learning_rate = 0.1,
                         .loss = 2.3 / (double)step,
                         .error = 1.0 / 3.0,
                         .seconds = 1e-3};
}

static inline sn_rank_row rank_row(int64_t epoch, int64_t rank)
{
    sn_rank_row row = {.epoch = epoch,
                       .step = epoch * STEPS_PER_EPOCH,
                       .rank = rank,
                       .gather_seconds = 0.25,
                       .compute_seconds = 1.0 / 3.0,
                       .wait_seconds = 0.0625,
                       .reduce_seconds = 0.125,
                       .update_seconds = 0};
    snprintf(row.host, sizeof row.host, "node%d", (int)rank);
    return row;
}

/* Appends rows to each table in one call. */
static inline sn_status append_rows(const char *path, const sn_epoch_row *epochs,
                                    size_t epoch_count, const sn_step_row *steps,
                                    size_t step_count, const sn_rank_row *ranks,
                                    size_t rank_count, sn_error *err)
{
    const sn_rows rows = {{{(void *)epochs, epoch_count, epoch_count},
                           {(void *)steps, step_count, step_count},
                           {(void *)ranks, rank_count, rank_count}}};
    return sn_metrics_append(path, &rows, err);
}

/* Appends the rows of one epoch in one call, as a run does. */
static inline sn_status append_epoch(const char *path, int64_t epoch, sn_error *err)
{
    const sn_epoch_row finished = epoch_row(epoch);
    static sn_step_row steps[STEPS_PER_EPOCH];
    sn_rank_row ranks[RANKS];
    for (int64_t i = 0; i < STEPS_PER_EPOCH; i++) {
        steps[i] = step_row((epoch - 1) * STEPS_PER_EPOCH + i + 1);
    }
    for (int64_t i = 0; i < RANKS; i++) {
        ranks[i] = rank_row(epoch, i);
    }
    return append_rows(path, &finished, 1, steps, STEPS_PER_EPOCH, ranks, RANKS, err);
}

static inline void append_epochs(const fixture *f, int64_t first, int64_t last)
{
    sn_error err = {""};
    for (int64_t epoch = first; epoch <= last; epoch++) {
        if (append_epoch(f->path, epoch, &err) != SN_OK) {
            fail_msg("%s", err.message);
        }
    }
}

/* Appends steps 1 .. count in one call. */
static inline void append_steps(const fixture *f, int64_t count)
{
    sn_error err = {""};
    sn_step_row *steps = calloc((size_t)count, sizeof *steps);
    assert_non_null(steps);
    for (int64_t i = 0; i < count; i++) {
        steps[i] = step_row(i + 1);
    }
    if (append_rows(f->path, NULL, 0, steps, (size_t)count, NULL, 0, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
    free(steps);
}

typedef struct csv {
    FILE *out;
    sn_metrics_kind kind;
} csv;

static inline bool print_block(void *user, const void *rows, size_t count)
{
    const csv *to = user;
    if (count == 0) {
        sn_metrics_print_names(to->out, to->kind);
    }
    sn_metrics_print_rows(to->out, to->kind, rows, count);
    return true;
}

static inline char *csv_of(const fixture *f, sn_metrics_kind kind)
{
    enum { TEXT_BYTES = 1 << 26 };
    sn_error err = {""};
    FILE *file = tmpfile();
    assert_non_null(file);
    csv to = {file, kind};
    if (sn_metrics_each(f->path, kind, print_block, &to, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
    char *text = calloc(TEXT_BYTES, 1);
    assert_non_null(text);
    rewind(file);
    assert_true(fread(text, 1, TEXT_BYTES - 1, file) < TEXT_BYTES - 1);
    fclose(file);
    return text;
}

static inline size_t csv_rows(const fixture *f, sn_metrics_kind kind)
{
    char *text = csv_of(f, kind);
    size_t lines = 0;
    for (const char *c = text; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    free(text);
    return lines - 1;
}

/* Removes the rows after step and expects no warning. */
static inline void cut_to(const fixture *f, int64_t step)
{
    sn_error warning = {""}, err = {""};
    assert_int_equal(sn_metrics_cut(f->path, step, &warning, &err), SN_OK);
    assert_string_equal(warning.message, "");
}

/* Removes the rows after step and expects a warning that the damaged file was moved to
 * moved. */
static inline void cut_damaged(const fixture *f, int64_t step, const char *moved)
{
    sn_error warning = {""}, err = {""};
    char text[64];
    snprintf(text, sizeof text, "moved to %s;", moved);
    assert_int_equal(sn_metrics_cut(f->path, step, &warning, &err), SN_OK);
    assert_non_null(strstr(warning.message, text));
    assert_non_null(strstr(warning.message, f->path));
}

static inline void assert_epochs(const fixture *f, int64_t last)
{
    sn_error err = {""};
    sn_epoch_row *rows;
    size_t count;
    if (sn_metrics_read_epochs(f->path, &rows, &count, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(count, last);
    for (size_t i = 0; i < count; i++) {
        const sn_epoch_row expected = epoch_row((int64_t)i + 1);
        assert_memory_equal(&rows[i], &expected, sizeof expected);
    }
    free(rows);
    assert_int_equal(csv_rows(f, SN_TABLE_STEPS), last * STEPS_PER_EPOCH);
    assert_int_equal(csv_rows(f, SN_TABLE_RANKS), last * RANKS);
}

static inline void assert_absent(const fixture *f, const char *suffix)
{
    char path[192];
    snprintf(path, sizeof path, "%s%s", f->path, suffix);
    assert_false(sn_file_exists(path));
}

#endif
