/* SPDX-License-Identifier: BSD-3-Clause */
/* A follower of metrics hands over every row once, whatever the writer does meanwhile.
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "metrics_fixture.h"

/* Steps that were handed over, and what is expected of them. */
typedef struct taken {
    int64_t count; /* of rows; the last step */
    int64_t most;  /* rows to take before no more are wanted, 0 for all */
    bool any;      /* the rows may have other seconds than step_row's */
} taken;

static bool take_steps(void *user, const void *rows, size_t count)
{
    taken *so_far = user;
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

static sn_metrics_update look(sn_metrics_follower *follower, taken *so_far)
{
    sn_error err = {""};
    sn_metrics_update update;
    if (sn_metrics_poll(follower, take_steps, so_far, &update, &err) != SN_OK) {
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

static void test_growing(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    sn_metrics_update update;
    taken so_far = {0};
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    assert_int_equal(sn_metrics_poll(follower, take_steps, &so_far, &update, &err),
                     SN_ENOINPUT);
    assert_false(update.complete);
    for (int64_t epoch = 1; epoch <= 3; epoch++) {
        append_epochs(f, epoch, epoch);
        for (int i = 0; i < 2; i++) {
            update = look(follower, &so_far);
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

/* A look that its taker ended goes on at the next one. */
static void test_no_more_wanted(void **state)
{
    fixture *f = *state;
    append_epochs(f, 1, 4);
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    taken so_far = {.most = 1};
    assert_false(look(follower, &so_far).complete);
    assert_in_range(so_far.count, 1, 4 * STEPS_PER_EPOCH - 1);
    so_far.most = 0;
    assert_true(look(follower, &so_far).complete);
    assert_int_equal(so_far.count, 4 * STEPS_PER_EPOCH);
    sn_metrics_follower_destroy(&follower);
}

static void test_cut_back(void **state)
{
    fixture *f = *state;
    const int64_t middle = 2 * STEPS_PER_EPOCH + 10, all = 3 * STEPS_PER_EPOCH;
    append_epochs(f, 1, 3);
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    taken so_far = {0};
    assert_true(look(follower, &so_far).complete);

    cut_to(f, middle);
    sn_metrics_update update = look(follower, &so_far);
    assert_true(update.cut && !update.complete);
    assert_int_equal(update.cut_step, middle);
    assert_int_equal(so_far.count, all);
    so_far.count = middle;
    update = look(follower, &so_far);
    assert_true(update.complete && !update.cut);
    assert_int_equal(update.epoch, 2);
    assert_int_equal(so_far.count, middle);

    cut_to(f, 0);
    update = look(follower, &so_far);
    assert_true(update.cut);
    assert_int_equal(update.cut_step, 0);
    sn_metrics_follower_destroy(&follower);
}

/* The rows after a step, up to the last one, with other seconds than those of
 * step_row. */
static void make_again(const fixture *f, int64_t step, int64_t last)
{
    static sn_step_row made[STEPS_PER_EPOCH];
    cut_to(f, step);
    for (int64_t i = 0; i < last - step; i++) {
        made[i] = step_row(step + 1 + i);
        made[i].seconds *= 2;
    }
    append_steps_of(f, made, (size_t)(last - step));
}

/* Rows are cut off and made again between two looks, up to the last step that was
 * handed over or beyond: nothing shows where the cut was, and every row comes again. */
static void test_made_again_as_far(void **state)
{
    fixture *f = *state;
    const int64_t all = 2 * STEPS_PER_EPOCH, middle = STEPS_PER_EPOCH + 10;
    for (int64_t more = 0; more <= 5; more += 5) {
        assert_true(unlink(f->path) == 0 || more == 0);
        append_epochs(f, 1, 2);
        sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
        taken so_far = {0};
        assert_true(look(follower, &so_far).complete);

        make_again(f, middle, all + more);
        const sn_metrics_update update = look(follower, &so_far);
        assert_true(update.cut && !update.complete);
        assert_int_equal(update.cut_step, 0);
        assert_int_equal(so_far.count, all);

        so_far = (taken){.most = middle, .any = true};
        while (!look(follower, &so_far).complete) {
            so_far.most = 0;
        }
        assert_int_equal(so_far.count, all + more);
        sn_metrics_follower_destroy(&follower);
    }
}

/* Rows are made again between two looks, but not as far: the cut is noticed, and the
 * rows up to where the file ends now count as standing. */
static void test_made_again_less_far(void **state)
{
    fixture *f = *state;
    const int64_t middle = STEPS_PER_EPOCH + 10;
    append_epochs(f, 1, 2);
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    taken so_far = {0};
    assert_true(look(follower, &so_far).complete);

    make_again(f, middle, middle + 4);
    sn_metrics_update update = look(follower, &so_far);
    assert_true(update.cut);
    assert_int_equal(update.cut_step, middle + 4);

    append_steps_of(f, (sn_step_row[]){step_row(middle + 5)}, 1);
    so_far.count = middle + 4;
    update = look(follower, &so_far);
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

/* The rows of /ranks of one epoch share a step; a resumed run may have another number
 * of ranks. */
static void test_ranks(void **state)
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

    /* between two looks, fewer rows of the same step */
    cut_to(f, 2 * STEPS_PER_EPOCH);
    append_ranks(f, 3, 1);
    update = count_ranks(follower, &count);
    assert_true(update.cut);
    assert_int_equal(update.cut_step, 0);
    assert_true(count_ranks(follower, &count).complete);
    assert_int_equal(count, 2 * RANKS + 1);
    sn_metrics_follower_destroy(&follower);
}

/* Zeros, which former versions left where they were killed, are not handed over. */
static void test_rows_that_never_arrived(void **state)
{
    fixture *f = *state;
    append_epochs(f, 1, 1);
    const sn_step_row zeros[3] = {{0}};
    append_steps_of(f, zeros, 3);
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    taken so_far = {0};
    assert_true(look(follower, &so_far).complete);
    assert_int_equal(so_far.count, STEPS_PER_EPOCH);
    cut_to(f, STEPS_PER_EPOCH);
    append_epochs(f, 2, 2);
    assert_true(look(follower, &so_far).complete);
    assert_int_equal(so_far.count, 2 * STEPS_PER_EPOCH);
    sn_metrics_follower_destroy(&follower);
}

static void pause_milliseconds(long milliseconds)
{
    const struct timespec pause = {.tv_nsec = milliseconds * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* Damage is one only when it stays for a while; see the command's test for the rest. */
static void test_unreadable(void **state)
{
    fixture *f = *state;
    append_epochs(f, 1, 1);
    assert_int_equal(truncate(f->path, 3000), 0);
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    taken so_far = {0};
    for (int i = 0; i < 3; i++) {
        const sn_metrics_update update = look(follower, &so_far);
        assert_false(update.complete || update.cut);
    }
    assert_int_equal(unlink(f->path), 0);
    append_epochs(f, 1, 1);
    assert_true(look(follower, &so_far).complete);
    sn_metrics_follower_destroy(&follower);
}

/* What cannot become a file of metrics is refused at the first look. */
static void test_another_file(void **state)
{
    fixture *f = *state;
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_true(fputs("epoch 1\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    sn_metrics_follower *follower = follow(f, SN_TABLE_STEPS);
    sn_metrics_update update;
    sn_error err = {""};
    taken so_far = {0};
    assert_int_equal(sn_metrics_poll(follower, take_steps, &so_far, &update, &err),
                     SN_EDATA);
    assert_non_null(strstr(err.message, "not an HDF5 file"));
    sn_metrics_follower_destroy(&follower);
}

/* A large file that another process extends at full speed. */
static void test_large_file_beside_its_writer(void **state)
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
    taken so_far = {0};
    int result;
    while (waitpid(writer, &result, WNOHANG) == 0) {
        assert_false(look(follower, &so_far).cut);
    }
    assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    while (!look(follower, &so_far).complete) {
    }
    assert_int_equal(so_far.count, (EPOCHS_BEFORE + APPENDS) * STEPS_PER_EPOCH);
    sn_metrics_follower_destroy(&follower);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_growing),
        CASE(test_no_more_wanted),
        CASE(test_cut_back),
        CASE(test_made_again_as_far),
        CASE(test_made_again_less_far),
        CASE(test_ranks),
        CASE(test_rows_that_never_arrived),
        CASE(test_unreadable),
        CASE(test_another_file),
        CASE(test_large_file_beside_its_writer),
    };
    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
