/* SPDX-License-Identifier: BSD-3-Clause */
/* The order in which the writers of checkpoints, metrics and config.ini touch the disk:
 * a file is flushed after its last write and before its rename, its folder after the
 * rename, and older checkpoints go last.  Without memory for the rows nothing is
 * written. */
#include "checkpoint_fixture.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "run/folder.h"
#include "run/writer.h"

ssize_t __real_write(int descriptor, const void *data, size_t bytes);
int __real_fsync(int descriptor);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
void *__real_realloc(void *memory, size_t bytes);
ssize_t __wrap_write(int descriptor, const void *data, size_t bytes);
int __wrap_fsync(int descriptor);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);
void __wrap_sn_mem_discard(void *memory, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

/* The successful calls, one per line, with the last parts of the paths; writes that
 * follow one another are one. */
static char calls[4096];
static char top[64]; /* calls elsewhere are not recorded */

static bool memory_is_short;

void *__wrap_realloc(void *memory, size_t bytes)
{
    return memory_is_short ? NULL : __real_realloc(memory, bytes);
}

static int discarded; /* number of calls */

/* Loses the contents of small memory, too. */
void __wrap_sn_mem_discard(void *memory, size_t bytes)
{
    memset(memory, 0xff, bytes);
    discarded++;
}

static void record(const char *call, const char *path)
{
    if (strncmp(path, top, strlen(top)) != 0) {
        return;
    }
    char line[300];
    snprintf(line, sizeof line, "%s %.250s\n", call, strrchr(path, '/') + 1);
    const size_t used = strlen(calls), length = strlen(line);
    const bool repeated = strcmp(call, "write") == 0 && used >= length &&
                          strcmp(calls + used - length, line) == 0;
    assert_true(used + length < sizeof calls);
    if (!repeated) {
        strcpy(calls + used, line);
    }
}

static void record_descriptor(const char *call, int descriptor)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) {
        path[length] = '\0';
        record(call, path);
    }
}

ssize_t __wrap_write(int descriptor, const void *data, size_t bytes)
{
    record_descriptor("write", descriptor);
    return __real_write(descriptor, data, bytes);
}

int __wrap_fsync(int descriptor)
{
    record_descriptor("fsync", descriptor);
    return __real_fsync(descriptor);
}

int __wrap_rename(const char *from, const char *to)
{
    const int failed = __real_rename(from, to);
    record(failed ? "no rename" : "rename to", to);
    return failed;
}

int __wrap_unlink(const char *path)
{
    const int failed = __real_unlink(path);
    if (!failed) {
        record("unlink", path);
    }
    return failed;
}

static void expect_calls(const char *expected)
{
    if (strcmp(calls, expected) != 0) {
        fail_msg("\n%s--- instead of\n%s", calls, expected);
    }
    calls[0] = '\0';
}

#define PUBLISHED(file, folder)                                                        \
    "write " file ".tmp\nfsync " file ".tmp\nrename to " file "\nfsync " folder "\n"

/* RUN is the folder "run" of the fixture. */
static void open_run(const fixture *f, char run[80])
{
    sn_error err = {""};
    strcpy(top, f->folder);
    snprintf(run, 80, "%s/run", f->folder);
    assert_int_equal(sn_folder_create(run, &err), SN_OK);
    calls[0] = '\0';
}

static void a_run_begins(void **state)
{
    const fixture *f = *state;
    char run[80];
    sn_error warning, err = {""};
    open_run(f, run);
    assert_int_equal(sn_folder_prepare(run, "[train]\n", 0, NULL, &warning, &err),
                     SN_OK);
    expect_calls(PUBLISHED("config.ini", "run") PUBLISHED("metrics.h5", "run"));
    assert_int_equal(sn_folder_set_aside(run, "[data]\n", true, &warning, &err), SN_OK);
    assert_int_equal(sn_folder_prepare(run, "[data]\n", 0, NULL, &warning, &err),
                     SN_OK);
    expect_calls("fsync config.ini\nrename to config.ini.old\nfsync run\n" PUBLISHED(
        "config.ini", "run") PUBLISHED("metrics.h5", "run"));
}

typedef struct step_job {
    int64_t step;
    bool best, memory_is_short;
    const char *calls;
} step_job;

static const sn_optimizer optimizer = {.kind = SN_ADAMW, .average = 0.5};

static void run_jobs(const fixture *f, const char *run, const step_job *jobs,
                     size_t count)
{
    static const size_t hidden[] = {30, 20}, room[SN_TABLES] = {0, 1, 0};
    sn_network shape;
    sn_writer *writer;
    sn_error err = {""};
    assert_int_equal(sn_network_init(&shape, 60, hidden, 2, 10, SN_TANH, &err), SN_OK);
    assert_int_equal(sn_writer_create(&shape, &optimizer, &writer, &err), SN_OK);
    float *zeroes = calloc(sn_state_elements(&optimizer, &shape), sizeof *zeroes);
    assert_non_null(zeroes);
    const sn_state zero = sn_state_at(&optimizer, &shape, zeroes);
    sn_rows rows = {0};
    for (size_t i = 0; i < count; i++) {
        sn_checkpoint_info info = f->info;
        info.position.step = jobs[i].step;
        assert_true(sn_rows_reserve(&rows, room));
        sn_rows_add(&rows, SN_TABLE_STEPS, &(sn_step_row){.step = jobs[i].step}, 1);
        const sn_writer_job submitted = {
            .run = run, .step = true, .best = jobs[i].best, .keep = 2, .rows = &rows};
        memory_is_short = jobs[i].memory_is_short;
        assert_int_equal(sn_writer_submit(writer, &submitted, &info, &zero, &err),
                         memory_is_short ? SN_ENOMEM : SN_OK);
        sn_writer_outcome outcome;
        sn_writer_totals totals;
        sn_writer_wait(writer, &outcome, &totals);
        assert_int_equal(outcome.saved_step, memory_is_short ? -1 : jobs[i].step);
        assert_int_equal(sn_rows_empty(&rows), !memory_is_short);
        expect_calls(jobs[i].calls);
    }
    sn_rows_clear(&rows);
    free(zeroes);
    sn_writer_destroy(&writer);
    sn_network_clear(&shape);
}

static void older_checkpoints_go_after_the_new_one_is_safe(void **state)
{
    const fixture *f = *state;
    char run[80];
    sn_error warning, err = {""};
    static const step_job jobs[] = {
        {1, true, true, ""},
        {1, true, false,
         PUBLISHED("metrics.h5", "run") "fsync run\n" PUBLISHED(
             "best.h5", "checkpoints") PUBLISHED("step-00000001.h5", "checkpoints")},
        {2, false, false,
         PUBLISHED("metrics.h5", "run") PUBLISHED("step-00000002.h5", "checkpoints")},
        {3, true, false,
         PUBLISHED("metrics.h5", "run") PUBLISHED("best.h5", "checkpoints")
             PUBLISHED("step-00000003.h5", "checkpoints") "unlink step-00000001.h5\n"},
        {9, false, false,
         PUBLISHED("metrics.h5", "run") PUBLISHED("step-00000009.h5", "checkpoints") //
         "unlink step-00000002.h5\n"}};
    open_run(f, run);
    assert_int_equal(
        sn_folder_prepare(run, f->info.config_text, 0, NULL, &warning, &err), SN_OK);
    calls[0] = '\0';
    run_jobs(f, run, jobs, sizeof jobs / sizeof jobs[0]);
}

/* Runs one job and returns the outcome of its best.h5. */
static sn_status run_job(sn_writer *writer, const char *run, bool step, bool best,
                         const sn_checkpoint_info *info, const sn_state *values)
{
    sn_error err = {""};
    sn_rows rows = {0};
    const sn_writer_job job = {
        .run = run, .step = step, .best = best, .keep = 9, .rows = &rows};
    discarded = 0;
    assert_int_equal(sn_writer_submit(writer, &job, info, values, &err), SN_OK);
    sn_writer_outcome outcome;
    sn_writer_totals totals;
    sn_writer_wait(writer, &outcome, &totals);
    assert_int_equal(outcome.step.status, SN_OK);
    assert_true(discarded > 0 || outcome.best.status != SN_OK);
    return outcome.best.status;
}

static void expect_best(const char *run, int64_t step, float value)
{
    char path[SN_PATH_BYTES];
    sn_checkpoint_state found;
    sn_error err = {""};
    assert_int_equal(sn_checkpoint_best_path(path, run, &err), SN_OK);
    assert_int_equal(sn_checkpoint_load(path, &found, &err), SN_OK);
    assert_int_equal(found.info.position.step, step);
    assert_true(found.layers[0].weight[0] == value + 0.5F);
    assert_true(found.layers[0].weight_current[0] == value);
    assert_true(found.layers[0].weight_velocity[0] == value);
    assert_true(found.layers[0].weight_second_moment[0] == value);
    sn_checkpoint_state_clear(&found);
}

/* best.h5 holds the state of its own step, however late it is written. */
static void the_best_state_waits_in_memory(void **state)
{
    const fixture *f = *state;
    static const size_t hidden[] = {30, 20};
    char run[80], path[SN_PATH_BYTES];
    sn_network shape;
    sn_writer *writer;
    sn_checkpoint_info info = f->info;
    sn_error warning, err = {""};
    open_run(f, run);
    assert_int_equal(sn_folder_prepare(run, "", 0, NULL, &warning, &err), SN_OK);
    assert_int_equal(sn_network_init(&shape, 60, hidden, 2, 10, SN_TANH, &err), SN_OK);
    assert_int_equal(sn_writer_create(&shape, &optimizer, &writer, &err), SN_OK);
    sn_state values[10];
    for (int i = 0; i < 10; i++) {
        float *memory = calloc(sn_state_elements(&optimizer, &shape), sizeof *memory);
        assert_non_null(memory);
        values[i] = sn_state_at(&optimizer, &shape, memory);
        values[i].parameters[0] = values[i].velocity[0] = values[i].second_moment[0] =
            (float)i;
        values[i].average[0] = (float)i + 0.5F;
    }
#define AT(number) (info.position.step = (number), &info), &values[number]
    calls[0] = '\0';
    assert_int_equal(sn_writer_hold_best(writer, AT(1), &err), SN_OK);
    assert_int_equal(sn_writer_hold_best(writer, AT(2), &err), SN_OK);
    expect_calls("");
    assert_int_equal(run_job(writer, run, true, false, AT(3)), SN_OK);
    expect_calls("fsync run\n" PUBLISHED("best.h5", "checkpoints")
                     PUBLISHED("step-00000003.h5", "checkpoints"));
    expect_best(run, 2, 2);
    assert_int_equal(run_job(writer, run, true, false, AT(4)), SN_OK);
    expect_best(run, 2, 2);

    /* A state that cannot be written is written with the next job. */
    assert_int_equal(sn_checkpoint_best_path(path, run, &err), SN_OK);
    assert_int_equal(remove(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_not_equal(run_job(writer, run, true, true, AT(5)), SN_OK);
    assert_int_not_equal(run_job(writer, run, true, false, AT(6)), SN_OK);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(run_job(writer, run, false, false, AT(7)), SN_OK);
    expect_best(run, 5, 5);

    /* A newer best state replaces the one in memory. */
    assert_int_equal(sn_writer_hold_best(writer, AT(7), &err), SN_OK);
    assert_int_equal(run_job(writer, run, false, true, AT(8)), SN_OK);
    assert_int_equal(run_job(writer, run, true, false, AT(9)), SN_OK);
    expect_best(run, 8, 8);
#undef AT
    for (int i = 0; i < 10; i++) {
        free(values[i].parameters);
    }
    sn_writer_destroy(&writer);
    sn_network_clear(&shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_begins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_checkpoints_go_after_the_new_one_is_safe,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_best_state_waits_in_memory, set_up,
                                        tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
