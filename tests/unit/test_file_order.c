/* SPDX-License-Identifier: BSD-3-Clause */
/* The order in which the writers of checkpoints, metrics and config.ini touch the disk:
 * a file is flushed after its last write and before its rename, its folder after the
 * rename, and older checkpoints go last.  Without memory for the rows nothing is
 * written. */
#include "checkpoint_fixture.h"

#include <limits.h>
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
    assert_int_equal(sn_folder_prepare(run, "[train]\n", true, 0, NULL, &warning, &err),
                     SN_OK);
    expect_calls(PUBLISHED("config.ini", "run") PUBLISHED("metrics.h5", "run"));
    assert_int_equal(sn_folder_prepare(run, "[data]\n", true, 0, NULL, &warning, &err),
                     SN_OK);
    expect_calls("fsync config.ini\nrename to config.ini.old\nfsync run\n" PUBLISHED(
        "config.ini", "run") PUBLISHED("metrics.h5", "run"));
}

typedef struct job {
    int64_t step;
    bool best, memory_is_short;
    const char *calls;
} job;

static void run_jobs(const fixture *f, const char *run, const job *jobs, size_t count)
{
    static const size_t hidden[] = {30, 20}, room[SN_TABLES] = {0, 1, 0};
    sn_network shape;
    sn_writer *writer;
    sn_error err = {""};
    assert_int_equal(sn_network_init(&shape, 60, hidden, 2, 10, SN_TANH, &err), SN_OK);
    assert_int_equal(sn_writer_create(&shape, &writer, &err), SN_OK);
    float *zeroes = calloc(shape.arena, sizeof *zeroes);
    assert_non_null(zeroes);
    sn_rows rows = {0};
    for (size_t i = 0; i < count; i++) {
        sn_checkpoint_info info = f->info;
        info.position.step = jobs[i].step;
        assert_true(sn_rows_reserve(&rows, room));
        sn_rows_add(&rows, SN_TABLE_STEPS, &(sn_step_row){.step = jobs[i].step}, 1);
        const sn_writer_job submitted = {
            .run = run, .step = true, .best = jobs[i].best, .keep = 2, .rows = &rows};
        memory_is_short = jobs[i].memory_is_short;
        assert_int_equal(
            sn_writer_submit(writer, &submitted, &info, zeroes, zeroes, &err),
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
    static const job jobs[] = {
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
        sn_folder_prepare(run, f->info.config_text, true, 0, NULL, &warning, &err),
        SN_OK);
    calls[0] = '\0';
    run_jobs(f, run, jobs, sizeof jobs / sizeof jobs[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_begins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_checkpoints_go_after_the_new_one_is_safe,
                                        set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
