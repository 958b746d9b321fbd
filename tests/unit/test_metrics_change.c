/* SPDX-License-Identifier: BSD-3-Clause */
/* metrics.h5 is changed in memory: after a kill, a full disk or a shortage of memory or
 * files, it is complete, old or new. */
#include <hdf5.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "metrics_fixture.h"

/* Appends an epoch in a child process, because the limit cannot be raised again. */
static int child_with_limit(rlim_t bytes, const char *path, int64_t epoch)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit limit = {bytes, bytes};
        sn_error err = {""};
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
            _exit(99);
        }
        /* exit, not _exit: the shutdown of HDF5 must not fail either */
        exit((int)append_epoch(path, epoch, &err));
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

static void test_full_disk_keeps_the_old_file(void **state)
{
    fixture *f = *state;
    assert_int_equal(child_with_limit(100, f->path, 1), SN_EIO);
    assert_absent(f, "");
    assert_absent(f, ".tmp");
    append_epochs(f, 1, 2);
    const rlim_t limits[] = {100, 20000, 120000, 160000};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        assert_int_equal(child_with_limit(limits[i], f->path, 3), SN_EIO);
        assert_epochs(f, 2);
    }
    append_epochs(f, 3, 3);
    assert_epochs(f, 3);
}

/* Cuts in a child process that has a limit on a resource. */
static int cut_with_limit(int resource, rlim_t limit, const char *path)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sn_error warning = {""}, err = {""};
        const struct rlimit wanted = {limit, limit};
        if (setrlimit(resource, &wanted) != 0) {
            _exit(99);
        }
        const sn_status status =
            sn_metrics_cut(path, 2 * STEPS_PER_EPOCH, &warning, &err);
        _exit(warning.message[0] != '\0' ? 98 : (int)status);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

/* If too few files can be open, the file is not reported as damaged. */
static void test_few_open_files_are_not_damage(void **state)
{
    enum { ROWS = 150000 };
    fixture *f = *state;
    append_steps(f, ROWS);
    bool done = false;
    for (rlim_t files = 3; !done && files < 64; files++) {
        const int status = cut_with_limit(RLIMIT_NOFILE, files, f->path);
        done = status == SN_OK;
        assert_true(done || status == SN_EIO);
        assert_int_equal(csv_rows(f, SN_TABLE_STEPS),
                         done ? 2 * STEPS_PER_EPOCH : ROWS);
    }
    assert_true(done);
}

#ifndef SHARDNET_SANITIZED
/* Returns the bytes of address space of this process, as RLIMIT_AS counts them. */
static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    assert_int_equal(fclose(file), 0);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* If memory is short, the file is not reported as damaged.  Not with sanitizers, which
 * need more address space. */
static void test_little_memory_is_not_damage(void **state)
{
    enum { ROWS = 150000 };
    fixture *f = *state;
    append_steps(f, ROWS);
    for (rlim_t more = 0; more < 64 << 20; more += 2 << 20) {
        const int status = cut_with_limit(RLIMIT_AS, address_space() + more, f->path);
        assert_true(status == SN_OK || status == SN_EIO || status == SN_ENOMEM);
        assert_absent(f, ".damaged");
        assert_int_equal(csv_rows(f, SN_TABLE_STEPS),
                         status == SN_OK ? 2 * STEPS_PER_EPOCH : ROWS);
        if (status == SN_OK) {
            break;
        }
    }
}
#endif

enum { LARGE_EPOCHS = 520, LARGE_ROWS = LARGE_EPOCHS * STEPS_PER_EPOCH };

static void test_large_file(void **state)
{
    fixture *f = *state;
    append_steps(f, LARGE_ROWS);
    struct stat before, after;
    assert_int_equal(stat(f->path, &before), 0);
    assert_true(before.st_size > (16 << 20));
    append_epochs(f, LARGE_EPOCHS + 1, LARGE_EPOCHS + 2);
    assert_int_equal(csv_rows(f, SN_TABLE_EPOCHS), 2);

    assert_int_equal(stat(f->path, &before), 0);
    assert_int_equal(
        child_with_limit((rlim_t)before.st_size, f->path, LARGE_EPOCHS + 3), SN_EIO);
    assert_absent(f, ".tmp");
    assert_int_equal(stat(f->path, &after), 0);
    assert_true(after.st_ino == before.st_ino && after.st_size == before.st_size);

    const int64_t step = (LARGE_EPOCHS + 1) * STEPS_PER_EPOCH;
    cut_to(f, step);
    assert_int_equal(csv_rows(f, SN_TABLE_EPOCHS), 1);
    cut_to(f, 5 * STEPS_PER_EPOCH);
    assert_int_equal(csv_rows(f, SN_TABLE_EPOCHS), 0);
    assert_int_equal(csv_rows(f, SN_TABLE_STEPS), 5 * STEPS_PER_EPOCH);
    append_epochs(f, 6, 6);
    assert_int_equal(csv_rows(f, SN_TABLE_EPOCHS), 1);
    assert_int_equal(csv_rows(f, SN_TABLE_STEPS), 6 * STEPS_PER_EPOCH);
}

/* No byte of the existing file changes, so that a kill cannot damage it. */
static void test_the_old_file_stays_unchanged(void **state)
{
    fixture *f = *state;
    fixture former = *f;
    snprintf(former.path, sizeof former.path, "%s/former.h5", f->folder);
    append_steps(f, LARGE_ROWS);
    assert_int_equal(chmod(f->path, 0640), 0);
    assert_int_equal(link(f->path, former.path), 0);
    append_epochs(f, LARGE_EPOCHS + 1, LARGE_EPOCHS + 1);
    assert_int_equal(csv_rows(&former, SN_TABLE_EPOCHS), 0);
    assert_int_equal(csv_rows(&former, SN_TABLE_STEPS), LARGE_ROWS);
    assert_int_equal(csv_rows(f, SN_TABLE_EPOCHS), 1);
    assert_int_equal(csv_rows(f, SN_TABLE_STEPS), LARGE_ROWS + STEPS_PER_EPOCH);
    struct stat info;
    assert_int_equal(stat(f->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

herr_t __real_H5Dget_chunk_info_by_coord(hid_t dataset, const hsize_t *at,
                                         unsigned *mask, haddr_t *address,
                                         hsize_t *bytes);
herr_t __wrap_H5Dget_chunk_info_by_coord(hid_t dataset, const hsize_t *at,
                                         unsigned *mask, haddr_t *address,
                                         hsize_t *bytes);

static size_t chunk_searches;

herr_t __wrap_H5Dget_chunk_info_by_coord(hid_t dataset, const hsize_t *at,
                                         unsigned *mask, haddr_t *address,
                                         hsize_t *bytes)
{
    chunk_searches++;
    return __real_H5Dget_chunk_info_by_coord(dataset, at, mask, address, bytes);
}

/* HDF5 finds a chunk by a linear search, so an append must not check all chunks. */
static void test_append_checks_only_the_last_chunk(void **state)
{
    fixture *f = *state;
    append_steps(f, LARGE_ROWS);
    for (int64_t epoch = LARGE_EPOCHS + 1; epoch <= LARGE_EPOCHS + 3; epoch++) {
        chunk_searches = 0;
        append_epochs(f, epoch, epoch);
        assert_in_range(chunk_searches, 1, 3);
    }
}

static void test_kills_leave_a_complete_file(void **state)
{
    enum { KILLS = 12 };
    fixture *f = *state;
    sn_error err = {""};
    append_steps(f, LARGE_ROWS);
    for (int i = 0; i < KILLS; i++) {
        const pid_t writer = fork();
        assert_true(writer >= 0);
        if (writer == 0) {
            for (int64_t epoch = LARGE_EPOCHS + 1;; epoch++) {
                if (append_epoch(f->path, epoch, &err) != SN_OK) {
                    _exit(1);
                }
            }
        }
        const struct timespec pause = {.tv_nsec = (20 + 13 * i) * 1000000L};
        (void)nanosleep(&pause, NULL);
        assert_int_equal(kill(writer, SIGKILL), 0);
        int result;
        assert_int_equal(waitpid(writer, &result, 0), writer);
        assert_true(WIFSIGNALED(result));
        cut_to(f, LARGE_ROWS);
        assert_absent(f, ".tmp");
    }
    assert_int_equal(csv_rows(f, SN_TABLE_STEPS), LARGE_ROWS);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_few_open_files_are_not_damage),
#ifndef SHARDNET_SANITIZED
        CASE(test_little_memory_is_not_damage),
#endif
        CASE(test_full_disk_keeps_the_old_file),
        CASE(test_large_file),
        CASE(test_the_old_file_stays_unchanged),
        CASE(test_append_checks_only_the_last_chunk),
        CASE(test_kills_leave_a_complete_file),
    };
    return cmocka_run_group_tests_name("metrics_change", tests, NULL, NULL);
}
