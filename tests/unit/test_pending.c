/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows that a checkpoint carries because metrics.h5 could not be written. */
#include "checkpoint_fixture.h"
#include "store/metrics/rows.h"

enum { STEPS = 1500, EPOCHS = 3, RANKS = 2 };

/* Sets rows to those of steps 1 to STEPS, EPOCHS epochs and RANKS ranks. */
static void make_rows(sn_rows *rows)
{
    const size_t more[SN_TABLES] = {EPOCHS, STEPS, EPOCHS * RANKS};
    assert_true(sn_rows_reserve(rows, more));
    for (int64_t step = 1; step <= STEPS; step++) {
        const sn_step_row row = {.step = step, .loss = 1.0 / (double)step};
        sn_rows_add(rows, SN_TABLE_STEPS, &row, 1);
    }
    for (int64_t epoch = 1; epoch <= EPOCHS; epoch++) {
        const int64_t step = epoch * STEPS / EPOCHS;
        const sn_epoch_row row = {.epoch = epoch, .step = step, .train_loss = 0.1};
        sn_rows_add(rows, SN_TABLE_EPOCHS, &row, 1);
        for (int64_t rank = 0; rank < RANKS; rank++) {
            const sn_rank_row own = {.epoch = epoch, .step = step, .rank = rank};
            sn_rows_add(rows, SN_TABLE_RANKS, &own, 1);
        }
    }
}

static void assert_same_rows(const sn_rows *a, const sn_rows *b)
{
    static const size_t row_bytes[SN_TABLES] = {
        sizeof(sn_epoch_row), sizeof(sn_step_row), sizeof(sn_rank_row)};
    for (int i = 0; i < SN_TABLES; i++) {
        assert_int_equal(a->table[i].count, b->table[i].count);
        assert_memory_equal(a->table[i].rows, b->table[i].rows,
                            a->table[i].count * row_bytes[i]);
    }
}

static sn_status read_pending(const char *path, sn_rows *rows)
{
    sn_error err;
    return sn_checkpoint_pending(path, rows, &err);
}

static void test_a_checkpoint_returns_its_rows(void **state)
{
    fixture *f = *state;
    sn_error err;
    sn_rows rows = {0}, found = {0}, none = {0};
    make_rows(&rows);
    assert_int_equal(
        sn_checkpoint_write(f->path, &f->info, f->written.layers, &rows, &err), SN_OK);
    assert_reads_as_written(f);
    assert_int_equal(read_pending(f->path, &found), SN_OK);
    assert_same_rows(&rows, &found);

    write_good(f, f->path);
    assert_int_equal(read_pending(f->path, &none), SN_OK);
    assert_true(sn_rows_empty(&none));
    sn_rows_clear(&rows);
    sn_rows_clear(&found);
}

/* best.h5 can be older than the newest rows. */
static void test_a_checkpoint_has_no_rows_after_its_step(void **state)
{
    fixture *f = *state;
    sn_error err;
    sn_rows rows = {0}, found = {0}, none = {0};
    make_rows(&rows);
    f->info.position.step = STEPS / EPOCHS;
    assert_int_equal(
        sn_checkpoint_write(f->path, &f->info, f->written.layers, &rows, &err), SN_OK);
    assert_int_equal(read_pending(f->path, &found), SN_OK);
    sn_rows up_to_step = rows;
    up_to_step.table[SN_TABLE_EPOCHS].count = 1;
    up_to_step.table[SN_TABLE_STEPS].count = STEPS / EPOCHS;
    up_to_step.table[SN_TABLE_RANKS].count = RANKS;
    assert_same_rows(&up_to_step, &found);

    f->info.position.step = 0;
    assert_int_equal(
        sn_checkpoint_write(f->path, &f->info, f->written.layers, &rows, &err), SN_OK);
    assert_int_equal(read_pending(f->path, &none), SN_OK);
    assert_true(sn_rows_empty(&none));
    sn_rows_clear(&rows);
    sn_rows_clear(&found);
}

/* Changes the first of the doubles that are equal to value. */
static void damage(const char *path, double value)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    unsigned char bytes[sizeof value];
    long at = 0;
    bool found = false;
    while (!found && fseek(file, at, SEEK_SET) == 0 &&
           fread(bytes, sizeof bytes, 1, file) == 1) {
        found = memcmp(bytes, &value, sizeof value) == 0;
        at += !found;
    }
    assert_true(found);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(bytes[0] ^ 1, file), bytes[0] ^ 1);
    assert_int_equal(fclose(file), 0);
}

static void test_a_damaged_row_is_found(void **state)
{
    fixture *f = *state;
    sn_error err;
    sn_rows rows = {0};
    sn_checkpoint_info info;
    make_rows(&rows);
    assert_int_equal(
        sn_checkpoint_write(f->path, &f->info, f->written.layers, &rows, &err), SN_OK);
    assert_int_equal(sn_checkpoint_verify(f->path, &info, &err), SN_OK);
    damage(f->path, 1.0 / 1234);
    assert_int_equal(sn_checkpoint_verify(f->path, &info, &err), SN_EDATA);
    assert_non_null(strstr(err.message, "/pending"));
    sn_rows_clear(&rows);
}

static void test_only_missing_rows_are_restored(void **state)
{
    fixture *f = *state;
    char path[160];
    sn_error err;
    size_t counts[SN_TABLES];
    sn_rows rows = {0};
    make_rows(&rows);
    snprintf(path, sizeof path, "%s/metrics.h5", f->folder);

    sn_rows some = rows;
    some.table[SN_TABLE_EPOCHS].count = 1;
    some.table[SN_TABLE_STEPS].count = 700;
    some.table[SN_TABLE_RANKS].count = RANKS;
    assert_int_equal(sn_metrics_append(path, &some, &err), SN_OK);
    for (int i = 0; i < 2; i++) { /* a second time changes nothing */
        assert_int_equal(sn_metrics_restore(path, &rows, &err), SN_OK);
        assert_int_equal(sn_metrics_verify(path, counts, &err), SN_OK);
        assert_int_equal(counts[SN_TABLE_EPOCHS], EPOCHS);
        assert_int_equal(counts[SN_TABLE_STEPS], STEPS);
        assert_int_equal(counts[SN_TABLE_RANKS], EPOCHS * RANKS);
    }
    sn_epoch_row *epochs;
    size_t count;
    assert_int_equal(sn_metrics_read_epochs(path, &epochs, &count, &err), SN_OK);
    assert_memory_equal(epochs, rows.table[SN_TABLE_EPOCHS].rows,
                        EPOCHS * sizeof *epochs);
    free(epochs);
    sn_rows_clear(&rows);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_checkpoint_returns_its_rows),
        CASE(test_a_checkpoint_has_no_rows_after_its_step),
        CASE(test_a_damaged_row_is_found),
        CASE(test_only_missing_rows_are_restored),
    };
    return cmocka_run_group_tests_name("pending", tests, NULL, NULL);
}
