/* SPDX-License-Identifier: BSD-3-Clause */
/* The position of a run over three epochs of three steps, and its best epoch. */
#include "support.h"

#include "train/step/cursor.h"

static sn_cursor start(void)
{
    sn_config config;
    sn_config_init(&config);
    config.train_batch = 40;
    config.train_seed = 5;
    sn_cursor cursor = sn_cursor_start(&config, 100);
    sn_cursor_open_epoch(&cursor);
    return cursor;
}

static void sums_belong_to_one_epoch(void **state)
{
    (void)state;
    sn_cursor cursor = start();
    const sn_position *p = &cursor.position;
    assert_int_equal(cursor.steps_per_epoch, 3);
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        for (int64_t step = 0; step < 3; step++) {
            const sn_range batch = sn_cursor_batch(&cursor);
            assert_int_equal(batch.begin, 40 * step);
            assert_int_equal(batch.end, step < 2 ? 40 * (step + 1) : 100);
            sn_cursor_advance(&cursor, 0.5, 2.5, 30, (int64_t)(batch.end - batch.begin),
                              0.25);
        }
        assert_int_equal(p->step_in_epoch, 3);
        assert_int_equal(p->epoch_samples, 100);
        assert_int_equal(p->epoch_correct, 90);
        assert_true(p->epoch_loss_sum == 7.5);
        sn_cursor_close_epoch(&cursor);
        assert_int_equal(p->epoch, epoch + 1);
        assert_int_equal(p->step, 3 * (epoch + 1));
        assert_int_equal(p->step_in_epoch, 0);
        assert_int_equal(p->samples_seen, 100 * (epoch + 1));
        assert_int_equal(p->epoch_samples, 0);
        assert_int_equal(p->epoch_correct, 0);
        assert_true(p->epoch_loss_sum == 0);
        assert_true(p->train_seconds == 0.75 * (double)(epoch + 1));
        assert_true(p->learning_rate == 0.5);
    }
}

static void the_first_of_equal_errors_is_the_best(void **state)
{
    (void)state;
    static const struct {
        double error;
        bool improved;
    } epochs[] = {{NAN, false}, {1, true},    {0.25, true}, {0.25, false},
                  {0.5, false}, {NAN, false}, {0.125, true}};
    sn_cursor cursor = start();
    const sn_position *p = &cursor.position;
    for (size_t i = 0; i < sizeof epochs / sizeof epochs[0]; i++) {
        sn_cursor_close_epoch(&cursor);
        assert_int_equal(sn_cursor_record_error(&cursor, epochs[i].error),
                         epochs[i].improved);
        if (epochs[i].improved) {
            assert_int_equal(p->best_epoch, i + 1);
            assert_true(p->best_error == epochs[i].error);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_belong_to_one_epoch),
        cmocka_unit_test(the_first_of_equal_errors_is_the_best)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
