/* Metrics: rows come back exactly, a cut keeps the prefix, damage is moved aside. */
#include <hdf5.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "metrics_fixture.h"
#include "shardnet/fault.h"
#include "shardnet/file.h"

static char *csv_of(const fixture *f, const char *table)
{
    enum { TEXT_BYTES = 1 << 26 };
    sn_error err = {""};
    FILE *file = tmpfile();
    assert_non_null(file);
    if (sn_metrics_write_csv(f->path, table, file, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
    char *text = calloc(TEXT_BYTES, 1);
    assert_non_null(text);
    rewind(file);
    assert_true(fread(text, 1, TEXT_BYTES - 1, file) < TEXT_BYTES - 1);
    fclose(file);
    return text;
}

static size_t csv_rows(const fixture *f, const char *table)
{
    char *text = csv_of(f, table);
    size_t lines = 0;
    for (const char *c = text; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    free(text);
    return lines - 1;
}

static void assert_epochs(const fixture *f, int64_t last)
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
    assert_int_equal(csv_rows(f, "steps"), last * STEPS_AN_EPOCH);
    assert_int_equal(csv_rows(f, "ranks"), last * RANKS);
}

/* Steps 1 .. count in one call. */
static void append_steps(const fixture *f, int64_t count)
{
    sn_error err = {""};
    sn_step_row *steps = calloc((size_t)count, sizeof *steps);
    assert_non_null(steps);
    for (int64_t i = 0; i < count; i++) {
        steps[i] = step_row(i + 1);
    }
    if (sn_metrics_append(f->path, NULL, 0, steps, (size_t)count, NULL, 0, &err) !=
        SN_OK) {
        fail_msg("%s", err.message);
    }
    free(steps);
}

static void assert_absent(const fixture *f, const char *suffix)
{
    char path[192];
    snprintf(path, sizeof path, "%s%s", f->path, suffix);
    assert_false(sn_file_exists(path));
}

static void test_append(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    assert_int_equal(sn_metrics_append(f->path, NULL, 0, NULL, 0, NULL, 0, &err),
                     SN_OK);
    assert_absent(f, ".tmp");
    assert_epochs(f, 0);
    append_epochs(f, 1, 5);
    assert_epochs(f, 5);
    const sn_step_row more = step_row(5 * STEPS_AN_EPOCH + 1);
    assert_int_equal(sn_metrics_append(f->path, NULL, 0, &more, 1, NULL, 0, &err),
                     SN_OK);
    assert_int_equal(csv_rows(f, "steps"), 5 * STEPS_AN_EPOCH + 1);
}

static void test_first_append_creates(void **state)
{
    fixture *f = *state;
    append_epochs(f, 1, 1);
    assert_absent(f, ".tmp");
    assert_epochs(f, 1);
}

static void test_cut(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    int replaced = -1;
    append_epochs(f, 1, 5);
    assert_int_equal(sn_metrics_cut(f->path, 1000000, &replaced, &err), SN_OK);
    assert_epochs(f, 5);
    assert_int_equal(sn_metrics_cut(f->path, 3 * STEPS_AN_EPOCH, &replaced, &err),
                     SN_OK);
    assert_epochs(f, 3);
    append_epochs(f, 4, 6);
    assert_epochs(f, 6);
    /* between two epochs: only the steps know the difference */
    assert_int_equal(sn_metrics_cut(f->path, 2 * STEPS_AN_EPOCH + 10, &replaced, &err),
                     SN_OK);
    assert_int_equal(csv_rows(f, "epochs"), 2);
    assert_int_equal(csv_rows(f, "ranks"), 2 * RANKS);
    assert_int_equal(csv_rows(f, "steps"), 2 * STEPS_AN_EPOCH + 10);
    assert_int_equal(sn_metrics_cut(f->path, 0, &replaced, &err), SN_OK);
    assert_epochs(f, 0);
    append_epochs(f, 1, 2);
    assert_epochs(f, 2);
    assert_int_equal(replaced, 0);
}

static void test_cut_drops_rows_that_never_arrived(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    int replaced;
    append_epochs(f, 1, 2);
    /* former versions left zeros where they were killed */
    const sn_epoch_row zeros[3] = {{0}};
    assert_int_equal(sn_metrics_append(f->path, zeros, 3, NULL, 0, NULL, 0, &err),
                     SN_OK);
    assert_int_equal(sn_metrics_cut(f->path, 1000000, &replaced, &err), SN_OK);
    assert_epochs(f, 2);
    assert_int_equal(replaced, 0);
}

static void test_cut_creates(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    int replaced = -1;
    assert_int_equal(sn_metrics_cut(f->path, 0, &replaced, &err), SN_OK);
    assert_int_equal(replaced, 0);
    assert_absent(f, ".tmp");
    assert_absent(f, ".damaged-1");
    assert_epochs(f, 0);
}

static void overwrite(const char *path, long at, const char *bytes, size_t count)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static void test_damaged_is_moved_aside(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    const long places[] = {0, 48};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        int replaced = 0;
        append_epochs(f, 1, 2);
        overwrite(f->path, places[i], "no HDF5 any more", 16);
        sn_epoch_row *rows;
        size_t count;
        assert_int_equal(sn_metrics_read_epochs(f->path, &rows, &count, &err),
                         SN_EDATA);
        assert_null(rows);
        assert_int_equal(append_epoch(f->path, 3, &err), SN_EIO);
        assert_int_equal(sn_metrics_cut(f->path, STEPS_AN_EPOCH, &replaced, &err),
                         SN_OK);
        assert_int_equal(replaced, i + 1);
        assert_epochs(f, 0);
        /* what was put aside before is still there */
        for (size_t j = 0; j <= i; j++) {
            char aside[192], bytes[16];
            snprintf(aside, sizeof aside, "%s.damaged-%zu", f->path, j + 1);
            FILE *file = fopen(aside, "rb");
            assert_non_null(file);
            assert_int_equal(fseek(file, places[j], SEEK_SET), 0);
            assert_int_equal(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
            assert_memory_equal(bytes, "no HDF5 any more", sizeof bytes);
            assert_int_equal(fclose(file), 0);
        }
    }
}

/* Cuts in a child process in which so much of a resource is left. */
static int cut_with_limit(int resource, rlim_t limit, const char *path)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sn_error err = {""};
        int replaced = 0;
        const struct rlimit wanted = {limit, limit};
        if (setrlimit(resource, &wanted) != 0) {
            _exit(99);
        }
        const sn_status status =
            sn_metrics_cut(path, 2 * STEPS_AN_EPOCH, &replaced, &err);
        _exit(replaced != 0 ? 98 : (int)status);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

/* Bytes of this process's memory, as RLIMIT_AS counts them. */
static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    assert_int_equal(fclose(file), 0);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* A shortage of memory or of open files is no damage. */
static void test_shortage_displaces_nothing(void **state)
{
    enum { ROWS = 150000 };
    fixture *f = *state;
    append_steps(f, ROWS);
    bool done = false;
    for (rlim_t files = 3; !done && files < 64; files++) {
        const int status = cut_with_limit(RLIMIT_NOFILE, files, f->path);
        done = status == SN_OK;
        assert_true(done || status == SN_EIO);
        assert_int_equal(csv_rows(f, "steps"), done ? 2 * STEPS_AN_EPOCH : ROWS);
    }
    assert_true(done);
#ifndef SHARDNET_SANITIZED
    assert_int_equal(unlink(f->path), 0);
    append_steps(f, ROWS);
    for (rlim_t more = 0; more < 8 << 20; more += 1 << 20) {
        const int status = cut_with_limit(RLIMIT_AS, address_space() + more, f->path);
        assert_true(status == SN_OK || status == SN_EIO || status == SN_ENOMEM);
        assert_absent(f, ".damaged-1");
        assert_absent(f, ".damaged");
        assert_int_equal(csv_rows(f, "steps"),
                         status == SN_OK ? 2 * STEPS_AN_EPOCH : ROWS);
        if (status == SN_OK) {
            break;
        }
    }
#endif
}

/* Sizes of pieces in the index, which has no checksum: memory is not asked for by them.
 */
static void test_forged_piece_size(void **state)
{
    enum { KEY = 24, FILE_BYTES = 1 << 20 };
    fixture *f = *state;
    sn_error err = {""};
    append_epochs(f, 1, 2);
    unsigned char *data = calloc(FILE_BYTES, 1);
    assert_non_null(data);
    FILE *file = fopen(f->path, "rb");
    assert_non_null(file);
    const size_t bytes = fread(data, 1, FILE_BYTES, file);
    assert_int_equal(fclose(file), 0);
    int forged = 0;
    for (size_t i = 0; i + KEY + 4 <= bytes; i++) {
        if (memcmp(data + i, "TREE\001", 5) == 0) {
            overwrite(f->path, (long)i + KEY, "\x08\x00\x7f\xff", 4);
            forged++;
        }
    }
    free(data);
    assert_int_equal(forged, 3);
    size_t epochs, steps, ranks, count;
    sn_epoch_row *rows;
    assert_int_equal(sn_metrics_verify(f->path, &epochs, &steps, &ranks, &err),
                     SN_EDATA);
    assert_non_null(strstr(err.message, "wrong size"));
    assert_int_equal(sn_metrics_read_epochs(f->path, &rows, &count, &err), SN_EDATA);
    assert_non_null(strstr(err.message, "wrong size"));
    int replaced = 0;
    assert_int_equal(sn_metrics_cut(f->path, STEPS_AN_EPOCH, &replaced, &err), SN_OK);
    assert_int_equal(replaced, 1);
    assert_epochs(f, 0);
}

static void assert_field(const char **cursor, double expected)
{
    if (isnan(expected)) {
        assert_true(**cursor == ',' || **cursor == '\n');
    } else {
        char *end;
        const double value = strtod(*cursor, &end);
        assert_true(end != *cursor);
        assert_memory_equal(&value, &expected, sizeof value);
        *cursor = end;
    }
    assert_true(**cursor == ',' || **cursor == '\n');
    (*cursor)++;
}

static void test_csv_is_exact(void **state)
{
    enum { EPOCHS = 4 };
    fixture *f = *state;
    append_epochs(f, 1, EPOCHS);
    char *text = csv_of(f, "epochs");
    static const char header[] =
        "epoch,step,learning_rate,train_loss,penalty,train_error,validation_loss,"
        "validation_error,test_loss,test_error,seconds,samples_per_second\n";
    assert_memory_equal(text, header, sizeof header - 1);
    const char *cursor = text + sizeof header - 1;
    for (int64_t epoch = 1; epoch <= EPOCHS; epoch++) {
        const sn_epoch_row row = epoch_row(epoch);
        assert_field(&cursor, (double)row.epoch);
        assert_field(&cursor, (double)row.step);
        assert_field(&cursor, row.learning_rate);
        assert_field(&cursor, row.train_loss);
        assert_field(&cursor, row.penalty);
        assert_field(&cursor, row.train_error);
        assert_field(&cursor, row.validation_loss);
        assert_field(&cursor, row.validation_error);
        assert_field(&cursor, row.test_loss);
        assert_field(&cursor, row.test_error);
        assert_field(&cursor, row.seconds);
        assert_field(&cursor, row.samples_per_second);
        assert_int_equal(cursor[-1], '\n');
    }
    assert_int_equal(*cursor, '\0');
    free(text);

    text = csv_of(f, "ranks");
    static const char first[] =
        "epoch,step,rank,gather_seconds,compute_seconds,wait_seconds,reduce_seconds,"
        "update_seconds,host\n1,700,0,0.25,0.3333333333333333,0.0625,0.125,0,node0\n";
    assert_memory_equal(text, first, sizeof first - 1);
    free(text);
}

static void test_csv_quotes_hosts(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    sn_rank_row row = rank_row(1, 0);
    strcpy(row.host, "a,\"b\"\n");
    assert_int_equal(sn_metrics_append(f->path, NULL, 0, NULL, 0, &row, 1, &err),
                     SN_OK);
    char *text = csv_of(f, "ranks");
    assert_non_null(strstr(text, ",\"a,\"\"b\"\"?\"\n"));
    free(text);
}

static void test_csv_refusals(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    assert_int_equal(sn_metrics_write_csv(f->path, "epochs", stdout, &err),
                     SN_ENOINPUT);
    assert_int_equal(sn_metrics_write_csv(f->folder, "epochs", stdout, &err),
                     SN_ENOINPUT);
    append_epochs(f, 1, 1);
    assert_int_equal(sn_metrics_write_csv(f->path, "hours", stdout, &err), SN_EUSAGE);
    FILE *full = fopen("/dev/full", "w");
    if (full != NULL) {
        assert_int_equal(sn_metrics_write_csv(f->path, "steps", full, &err), SN_EIO);
        fclose(full);
    }
}

static void test_unwritable(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    char path[192];
    snprintf(path, sizeof path, "%s/none/metrics.h5", f->folder);
    assert_int_equal(append_epoch(path, 1, &err), SN_ECREATE);
    assert_non_null(strstr(err.message, path));
}

/* In a child process, since the limit cannot be lifted again. */
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
        /* exit, not _exit: HDF5's own shutdown must survive as well */
        exit((int)append_epoch(path, epoch, &err));
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

static void test_full_disk(void **state)
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

enum { LARGE_EPOCHS = 520, LARGE_ROWS = LARGE_EPOCHS * STEPS_AN_EPOCH };

static void test_large_file(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    append_steps(f, LARGE_ROWS);
    struct stat before, after;
    assert_int_equal(stat(f->path, &before), 0);
    assert_true(before.st_size > (16 << 20));
    append_epochs(f, LARGE_EPOCHS + 1, LARGE_EPOCHS + 2);
    assert_int_equal(csv_rows(f, "epochs"), 2);

    assert_int_equal(stat(f->path, &before), 0);
    assert_int_equal(
        child_with_limit((rlim_t)before.st_size, f->path, LARGE_EPOCHS + 3), SN_EIO);
    assert_absent(f, ".tmp");
    assert_int_equal(stat(f->path, &after), 0);
    assert_true(after.st_ino == before.st_ino && after.st_size == before.st_size);

    int replaced;
    const int64_t step = (LARGE_EPOCHS + 1) * STEPS_AN_EPOCH;
    assert_int_equal(sn_metrics_cut(f->path, step, &replaced, &err), SN_OK);
    assert_int_equal(csv_rows(f, "epochs"), 1);
    assert_int_equal(sn_metrics_cut(f->path, 5 * STEPS_AN_EPOCH, &replaced, &err),
                     SN_OK);
    assert_int_equal(replaced, 0);
    assert_int_equal(csv_rows(f, "epochs"), 0);
    assert_int_equal(csv_rows(f, "steps"), 5 * STEPS_AN_EPOCH);
    append_epochs(f, 6, 6);
    assert_int_equal(csv_rows(f, "epochs"), 1);
    assert_int_equal(csv_rows(f, "steps"), 6 * STEPS_AN_EPOCH);
}

/* Whatever its size, no byte of the file that is there changes: a kill cannot harm it.
 */
static void test_the_former_file_stays_whole(void **state)
{
    fixture *f = *state;
    fixture former = *f;
    snprintf(former.path, sizeof former.path, "%s/former.h5", f->folder);
    append_steps(f, LARGE_ROWS);
    assert_int_equal(chmod(f->path, 0640), 0);
    assert_int_equal(link(f->path, former.path), 0);
    append_epochs(f, LARGE_EPOCHS + 1, LARGE_EPOCHS + 1);
    assert_int_equal(csv_rows(&former, "epochs"), 0);
    assert_int_equal(csv_rows(&former, "steps"), LARGE_ROWS);
    assert_int_equal(csv_rows(f, "epochs"), 1);
    assert_int_equal(csv_rows(f, "steps"), LARGE_ROWS + STEPS_AN_EPOCH);
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

/* HDF5 searches long for a chunk. */
static void test_append_looks_at_the_last_chunk_alone(void **state)
{
    fixture *f = *state;
    append_steps(f, LARGE_ROWS);
    for (int64_t epoch = LARGE_EPOCHS + 1; epoch <= LARGE_EPOCHS + 3; epoch++) {
        chunk_searches = 0;
        append_epochs(f, epoch, epoch);
        assert_in_range(chunk_searches, 1, 3);
    }
}

static void test_kills(void **state)
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
        int result, replaced;
        assert_int_equal(waitpid(writer, &result, 0), writer);
        assert_true(WIFSIGNALED(result));
        assert_int_equal(sn_metrics_cut(f->path, LARGE_ROWS, &replaced, &err), SN_OK);
        assert_int_equal(replaced, 0);
        assert_absent(f, ".tmp");
    }
    assert_int_equal(csv_rows(f, "steps"), LARGE_ROWS);
}

static void test_injected_fault(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    setenv("SHARDNET_FAULT", "probe", 1);
    const bool compiled_in = sn_fault_check("probe", 0, 0, &err) != SN_OK;
    unsetenv("SHARDNET_FAULT");
    if (!compiled_in) {
        skip();
    }
    append_epochs(f, 1, 1);
    setenv("SHARDNET_FAULT", "metrics.append@0:1400", 1);
    assert_int_equal(append_epoch(f->path, 2, &err), SN_EIO);
    assert_int_equal(append_epoch(f->path, 3, &err), SN_OK);
    unsetenv("SHARDNET_FAULT");
    assert_int_equal(csv_rows(f, "epochs"), 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_append),
        CASE(test_first_append_creates),
        CASE(test_cut),
        CASE(test_cut_drops_rows_that_never_arrived),
        CASE(test_cut_creates),
        CASE(test_damaged_is_moved_aside),
        CASE(test_shortage_displaces_nothing),
        CASE(test_forged_piece_size),
        CASE(test_csv_is_exact),
        CASE(test_csv_quotes_hosts),
        CASE(test_csv_refusals),
        CASE(test_unwritable),
        CASE(test_full_disk),
        CASE(test_large_file),
        CASE(test_the_former_file_stays_whole),
        CASE(test_append_looks_at_the_last_chunk_alone),
        CASE(test_kills),
        CASE(test_injected_fault),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
