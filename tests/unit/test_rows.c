/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers of rows that are not yet in metrics.h5. */
#include "support.h"

#include "store/metrics/rows.h"

static void add_step(sn_rows *rows, int64_t step)
{
    const size_t more[SN_TABLES] = {0, 1, 0};
    const sn_step_row row = {.step = step};
    assert_true(sn_rows_reserve(rows, more));
    sn_rows_add(rows, SN_TABLE_STEPS, &row, 1);
}

static void add_epoch(sn_rows *rows, int64_t step)
{
    const size_t more[SN_TABLES] = {1, 0, 2};
    const sn_epoch_row row = {.step = step};
    const sn_rank_row ranks[] = {{.step = step, .rank = 0}, {.step = step, .rank = 1}};
    assert_true(sn_rows_reserve(rows, more));
    sn_rows_add(rows, SN_TABLE_EPOCHS, &row, 1);
    sn_rows_add(rows, SN_TABLE_RANKS, ranks, 2);
}

static void moved_rows_follow_the_present_ones(void **state)
{
    (void)state;
    sn_rows waiting = {0}, more = {0};
    assert_true(sn_rows_empty(&waiting));
    for (int64_t step = 1; step <= 100; step++) {
        add_step(&more, step);
        if (step % 10 == 0) {
            add_epoch(&more, step);
            assert_true(sn_rows_move(&waiting, &more));
            assert_true(sn_rows_empty(&more));
        }
    }
    assert_int_equal(waiting.table[SN_TABLE_STEPS].count, 100);
    assert_int_equal(waiting.table[SN_TABLE_EPOCHS].count, 10);
    assert_int_equal(waiting.table[SN_TABLE_RANKS].count, 20);
    const sn_epoch_row *epochs = waiting.table[SN_TABLE_EPOCHS].rows;
    const sn_step_row *steps = waiting.table[SN_TABLE_STEPS].rows;
    const sn_rank_row *ranks = waiting.table[SN_TABLE_RANKS].rows;
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(steps[i].step, i + 1);
    }
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(epochs[i / 2].step, 10 * (i / 2 + 1));
        assert_int_equal(ranks[i].step, 10 * (i / 2 + 1));
        assert_int_equal(ranks[i].rank, i % 2);
    }
    sn_rows_clear(&waiting);
    sn_rows_clear(&more);
    assert_true(sn_rows_empty(&waiting));
}

static void the_first_step_is_the_least_of_all_tables(void **state)
{
    (void)state;
    sn_rows rows = {0};
    add_epoch(&rows, 30);
    assert_int_equal(sn_rows_first_step(&rows), 30);
    add_step(&rows, 21);
    assert_int_equal(sn_rows_first_step(&rows), 21);
    sn_rows_reset(&rows);
    assert_true(sn_rows_empty(&rows));
    add_step(&rows, 40);
    assert_int_equal(sn_rows_first_step(&rows), 40);
    sn_rows_clear(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moved_rows_follow_the_present_ones),
        cmocka_unit_test(the_first_step_is_the_least_of_all_tables),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
