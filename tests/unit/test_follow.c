/* SPDX-License-Identifier: BSD-3-Clause */
/* A follower delivers every row of a metrics file once while a job writes it. */
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "metrics_fixture.h"

/* Steps received so far. */
typedef struct received {
    int64_t count; /* number of rows, and the last step */
    int64_t most;  /* stop after this number of rows, 0 for no limit */
    bool any;      /* seconds may differ from those of step_row */
} received;

static bool receive_steps(void *user, const void *rows, size_t count)
{
    received *so_far = user;
    const sn_step_row *steps = rows;
    for (size_t i = 0; i < count; i++) {
        sn_step_row expected = step_row(++so_far->count);
        if (so_far->any) {
            expected.seconds = steps[i].seconds;
        }
        assert_memory_equal(&steps[i], &expected, sizeof expected);
    }
    return so_far->most == 0 || so_far->count < so_far->most;
}

static sn_metrics_follower *follow(const fixture *f, sn_metrics_kind kind)
{
    sn_error err = {""};
    sn_metrics_follower *follower;
    if (sn_metrics_follower_create(f->path, kind, &follower, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
    return follower;
}

static sn_metrics_update poll_steps(sn_metrics_follower *follower, received *so_far)
{
    sn_error err = {""};
    sn_metrics_update update;
    if (sn_metrics_poll(follower, receive_steps, so_far, &update, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
    return update;
}

static void append_steps_of(const fixture *f, const sn_step_row *steps, size_t count)
{
    sn_error err = {""};
    if (append_rows(f->path, NULL, 0, steps, count, NULL, 0, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
}

static void test_growing_file(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    sn_metrics_update update;
    received so_far = {0};
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    assert_int_equal(sn_metrics_poll(follower, receive_steps, &so_far, &update, &err),
                     SN_ENOINPUT);
    assert_false(update.complete);
    for (int64_t epoch = 1; epoch <= 3; epoch++) {
        append_epochs(f, epoch, epoch);
        for (int i = 0; i < 2; i++) {
            update = poll_steps(follower, &so_far);
            assert_true(update.complete && !update.cut);
            assert_int_equal(update.epoch, epoch);
            assert_int_equal(update.best_epoch, 1);
            assert_int_equal(so_far.count, epoch * STEPS_PER_EPOCH);
        }
    }
    sn_metrics_follower_destroy(&follower);
    assert_null(follower);
    sn_metrics_follower_destroy(&follower);
}

/* If the receiver stops a poll, the next poll continues. */
static void test_receiver_stops(void **state)
{
    fixture *f = *state;
    append_epochs(f, 1, 4);
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    received so_far = {.most = 1};
    assert_false(poll_steps(follower, &so_far).complete);
    assert_in_range(so_far.count, 1, 4 * STEPS_PER_EPOCH - 1);
    so_far.most = 0;
    assert_true(poll_steps(follower, &so_far).complete);
    assert_int_equal(so_far.count, 4 * STEPS_PER_EPOCH);
    sn_metrics_follower_destroy(&follower);
}

static void test_removed_rows(void **state)
{
    fixture *f = *state;
    const int64_t middle = 2 * STEPS_PER_EPOCH + 10, all = 3 * STEPS_PER_EPOCH;
    append_epochs(f, 1, 3);
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    received so_far = {0};
    assert_true(poll_steps(follower, &so_far).complete);

    cut_to(f, middle);
    sn_metrics_update update = poll_steps(follower, &so_far);
    assert_true(update.cut && !update.complete);
    assert_int_equal(update.cut_step, middle);
    assert_int_equal(so_far.count, all);
    so_far.count = middle;
    update = poll_steps(follower, &so_far);
    assert_true(update.complete && !update.cut);
    assert_int_equal(update.epoch, 2);
    assert_int_equal(so_far.count, middle);

    cut_to(f, 0);
    update = poll_steps(follower, &so_far);
    assert_true(update.cut);
    assert_int_equal(update.cut_step, 0);
    sn_metrics_follower_destroy(&follower);
}

/* Removes the rows after step and appends them again up to last, with other seconds. */
static void recompute(const fixture *f, int64_t step, int64_t last)
{
    static sn_step_row made[STEPS_PER_EPOCH];
    cut_to(f, step);
    for (int64_t i = 0; i < last - step; i++) {
        made[i] = step_row(step + 1 + i);
        made[i].seconds *= 2;
    }
    append_steps_of(f, made, (size_t)(last - step));
}

/* Rows are recomputed between two polls, up to the last step delivered or beyond: the
 * place of the cut is unknown, and every row is delivered again. */
static void test_recomputed_to_the_same_step_or_beyond(void **state)
{
    fixture *f = *state;
    const int64_t all = 2 * STEPS_PER_EPOCH, middle = STEPS_PER_EPOCH + 10;
    for (int64_t more = 0; more <= 5; more += 5) {
        assert_true(unlink(f->path) == 0 || more == 0);
        append_epochs(f, 1, 2);
        sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
        received so_far = {0};
        assert_true(poll_steps(follower, &so_far).complete);

        recompute(f, middle, all + more);
        const sn_metrics_update update = poll_steps(follower, &so_far);
        assert_true(update.cut && !update.complete);
        assert_int_equal(update.cut_step, 0);
        assert_int_equal(so_far.count, all);

        so_far = (received){.most = middle, .any = true};
        while (!poll_steps(follower, &so_far).complete) {
            so_far.most = 0;
        }
        assert_int_equal(so_far.count, all + more);
        sn_metrics_follower_destroy(&follower);
    }
}

/* Rows are recomputed between two polls, but fewer than were delivered: the cut is
 * reported, and the rows of the file count as delivered. */
static void test_recomputed_to_an_earlier_step(void **state)
{
    fixture *f = *state;
    const int64_t middle = STEPS_PER_EPOCH + 10;
    append_epochs(f, 1, 2);
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    received so_far = {0};
    assert_true(poll_steps(follower, &so_far).complete);

    recompute(f, middle, middle + 4);
    sn_metrics_update update = poll_steps(follower, &so_far);
    assert_true(update.cut);
    assert_int_equal(update.cut_step, middle + 4);

    append_steps_of(f, (sn_step_row[]){step_row(middle + 5)}, 1);
    so_far.count = middle + 4;
    update = poll_steps(follower, &so_far);
    assert_true(update.complete && !update.cut);
    assert_int_equal(so_far.count, middle + 5);
    sn_metrics_follower_destroy(&follower);
}

static bool count_rows(void *user, const void *rows, size_t count)
{
    (void)rows;
    *(size_t *)user += count;
    return true;
}

static sn_metrics_update count_ranks(sn_metrics_follower *follower, size_t *count)
{
    sn_error err = {""};
    sn_metrics_update update;
    *count = 0;
    assert_int_equal(sn_metrics_poll(follower, count_rows, count, &update, &err),
                     SN_OK);
    return update;
}

static void append_ranks(const fixture *f, int64_t epoch, int64_t ranks)
{
    sn_error err = {""};
    for (int64_t i = 0; i < ranks; i++) {
        const sn_rank_row row = rank_row(epoch, i);
        assert_int_equal(append_rows(f->path, NULL, 0, NULL, 0, &row, 1, &err), SN_OK);
    }
}

/* The rows of /ranks of one epoch have the same step.  A resumed run may have another
 * number of ranks. */
static void test_rows_of_ranks(void **state)
{
    fixture *f = *state;
    size_t count;
    append_epochs(f, 1, 3);
    sn_metrics_follower *follower = follow(f, SN_TABLE_RANKS);
    assert_true(count_ranks(follower, &count).complete);
    assert_int_equal(count, 3 * RANKS);

    cut_to(f, 2 * STEPS_PER_EPOCH);
    sn_metrics_update update = count_ranks(follower, &count);
    assert_true(update.cut);
    assert_int_equal(update.cut_step, 2 * STEPS_PER_EPOCH);
    append_ranks(f, 3, 2 * RANKS);
    assert_true(count_ranks(follower, &count).complete);
    assert_int_equal(count, 2 * RANKS);

    /* Between two polls: fewer rows of the same step. */
    cut_to(f, 2 * STEPS_PER_EPOCH);
    append_ranks(f, 3, 1);
    update = count_ranks(follower, &count);
    assert_true(update.cut);
    assert_int_equal(update.cut_step, 0);
    assert_true(count_ranks(follower, &count).complete);
    assert_int_equal(count, 2 * RANKS + 1);
    sn_metrics_follower_destroy(&follower);
}

/* Rows of zeros, which older versions left when they were killed, are not delivered. */
static void test_zero_rows_are_not_delivered(void **state)
{
    fixture *f = *state;
    append_epochs(f, 1, 1);
    const sn_step_row zeros[3] = {{0}};
    append_steps_of(f, zeros, 3);
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    received so_far = {0};
    assert_true(poll_steps(follower, &so_far).complete);
    assert_int_equal(so_far.count, STEPS_PER_EPOCH);
    cut_to(f, STEPS_PER_EPOCH);
    append_epochs(f, 2, 2);
    assert_true(poll_steps(follower, &so_far).complete);
    assert_int_equal(so_far.count, 2 * STEPS_PER_EPOCH);
    sn_metrics_follower_destroy(&follower);
}

static void pause_milliseconds(long milliseconds)
{
    const struct timespec pause = {.tv_nsec = milliseconds * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* A file that is unreadable for a short time is not an error.  tests/cli/follow.sh
 * tests a longer time. */
static void test_unreadable_for_a_short_time(void **state)
{
    fixture *f = *state;
    append_epochs(f, 1, 1);
    assert_int_equal(truncate(f->path, 3000), 0);
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    received so_far = {0};
    for (int i = 0; i < 3; i++) {
        const sn_metrics_update update = poll_steps(follower, &so_far);
        assert_false(update.complete || update.cut);
    }
    assert_int_equal(unlink(f->path), 0);
    append_epochs(f, 1, 1);
    assert_true(poll_steps(follower, &so_far).complete);
    sn_metrics_follower_destroy(&follower);
}

/* A file of another kind is refused at the first poll. */
static void test_file_of_another_kind(void **state)
{
    fixture *f = *state;
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_true(fputs("epoch 1\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    sn_metrics_update update;
    sn_error err = {""};
    received so_far = {0};
    assert_int_equal(sn_metrics_poll(follower, receive_steps, &so_far, &update, &err),
                     SN_EDATA);
    assert_non_null(strstr(err.message, "not an HDF5 file"));
    sn_metrics_follower_destroy(&follower);
}

/* Another process extends a large file at full speed. */
static void test_large_file_while_it_is_written(void **state)
{
    enum { EPOCHS_BEFORE = 520, ROWS = EPOCHS_BEFORE * STEPS_PER_EPOCH, APPENDS = 30 };
    fixture *f = *state;
    sn_step_row *steps = calloc(ROWS, sizeof *steps);
    assert_non_null(steps);
    for (int64_t i = 0; i < ROWS; i++) {
        steps[i] = step_row(i + 1);
    }
    append_steps_of(f, steps, ROWS);
    free(steps);
    struct stat info;
    assert_int_equal(stat(f->path, &info), 0);
    assert_true(info.st_size > 16 << 20);

    const pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        sn_error err = {""};
        sn_status status = SN_OK;
        for (int64_t i = 1; i <= APPENDS && status == SN_OK; i++) {
            status = append_epoch(f->path, EPOCHS_BEFORE + i, &err);
            pause_milliseconds(i % 3 == 0 ? 30 : 1);
        }
        _exit(status != SN_OK);
    }
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    received so_far = {0};
    int result;
    while (waitpid(writer, &result, WNOHANG) == 0) {
        assert_false(poll_steps(follower, &so_far).cut);
    }
    assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    while (!poll_steps(follower, &so_far).complete) {
    }
    assert_int_equal(so_far.count, (EPOCHS_BEFORE + APPENDS) * STEPS_PER_EPOCH);
    sn_metrics_follower_destroy(&follower);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_growing_file),
        CASE(test_receiver_stops),
        CASE(test_removed_rows),
        CASE(test_recomputed_to_the_same_step_or_beyond),
        CASE(test_recomputed_to_an_earlier_step),
        CASE(test_rows_of_ranks),
        CASE(test_zero_rows_are_not_delivered),
        CASE(test_unreadable_for_a_short_time),
        CASE(test_file_of_another_kind),
        CASE(test_large_file_while_it_is_written),
    };
    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
