/* Rows on their way to metrics.h5. */
#include "support.h"

#include "run/rows.h"

static void add_step(sn_rows *rows, int64_t step)
{
    assert_true(sn_rows_reserve(rows, 0, 1, 0));
    rows->steps[rows->step_count++] = (sn_step_row){.step = step};
}

static void add_epoch(sn_rows *rows, int64_t step)
{
    assert_true(sn_rows_reserve(rows, 1, 0, 2));
    rows->epochs[rows->epoch_count++] = (sn_epoch_row){.step = step};
    for (int rank = 0; rank < 2; rank++) {
        rows->ranks[rows->rank_count++] = (sn_rank_row){.step = step, .rank = rank};
    }
}

static void moved_rows_stand_behind_those_that_wait(void **state)
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
    assert_int_equal(waiting.step_count, 100);
    assert_int_equal(waiting.epoch_count, 10);
    assert_int_equal(waiting.rank_count, 20);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(waiting.steps[i].step, i + 1);
    }
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(waiting.epochs[i / 2].step, 10 * (i / 2 + 1));
        assert_int_equal(waiting.ranks[i].step, 10 * (i / 2 + 1));
        assert_int_equal(waiting.ranks[i].rank, i % 2);
    }
    sn_rows_clear(&waiting);
    sn_rows_clear(&more);
    assert_true(sn_rows_empty(&waiting));
}

static void the_first_step_is_that_of_any_table(void **state)
{
    (void)state;
    sn_rows rows = {0};
    add_epoch(&rows, 30);
    assert_int_equal(sn_rows_first_step(&rows), 30);
    add_step(&rows, 21);
    assert_int_equal(sn_rows_first_step(&rows), 21);
    sn_rows_drop(&rows);
    assert_true(sn_rows_empty(&rows));
    add_step(&rows, 40);
    assert_int_equal(sn_rows_first_step(&rows), 40);
    sn_rows_clear(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moved_rows_stand_behind_those_that_wait),
        cmocka_unit_test(the_first_step_is_that_of_any_table),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
