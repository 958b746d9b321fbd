/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics: rows are read back exactly, a cut keeps the first rows, a damaged file is
 * renamed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "metrics_fixture.h"

static void test_append(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    assert_int_equal(append_rows(f->path, NULL, 0, NULL, 0, NULL, 0, &err), SN_OK);
    assert_absent(f, ".tmp");
    assert_epochs(f, 0);
    append_epochs(f, 1, 5);
    assert_epochs(f, 5);
    const sn_step_row more = step_row(5 * STEPS_PER_EPOCH + 1);
    assert_int_equal(append_rows(f->path, NULL, 0, &more, 1, NULL, 0, &err), SN_OK);
    assert_int_equal(csv_rows(f, SN_TABLE_STEPS), 5 * STEPS_PER_EPOCH + 1);
}

static void test_first_append_creates_the_file(void **state)
{
    fixture *f = *state;
    append_epochs(f, 1, 1);
    assert_absent(f, ".tmp");
    assert_epochs(f, 1);
}

static void test_cut_removes_later_rows(void **state)
{
    fixture *f = *state;
    append_epochs(f, 1, 5);
    cut_to(f, 1000000);
    assert_epochs(f, 5);
    cut_to(f, 3 * STEPS_PER_EPOCH);
    assert_epochs(f, 3);
    append_epochs(f, 4, 6);
    assert_epochs(f, 6);
    /* Between two epochs only /steps has rows to remove. */
    cut_to(f, 2 * STEPS_PER_EPOCH + 10);
    assert_int_equal(csv_rows(f, SN_TABLE_EPOCHS), 2);
    assert_int_equal(csv_rows(f, SN_TABLE_RANKS), 2 * RANKS);
    assert_int_equal(csv_rows(f, SN_TABLE_STEPS), 2 * STEPS_PER_EPOCH + 10);
    cut_to(f, 0);
    assert_epochs(f, 0);
    append_epochs(f, 1, 2);
    assert_epochs(f, 2);
}

static void test_cut_removes_zero_rows(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    append_epochs(f, 1, 2);
    /* Older versions left zeros when they were killed. */
    const sn_epoch_row zeros[3] = {{0}};
    assert_int_equal(append_rows(f->path, zeros, 3, NULL, 0, NULL, 0, &err), SN_OK);
    cut_to(f, 1000000);
    assert_epochs(f, 2);
}

static void test_cut_creates_the_file(void **state)
{
    fixture *f = *state;
    cut_to(f, 0);
    assert_absent(f, ".tmp");
    assert_absent(f, ".damaged");
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

static void test_damaged_file_is_renamed(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    const long places[] = {0, 48};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        append_epochs(f, 1, 2);
        overwrite(f->path, places[i], "no HDF5 any more", 16);
        sn_epoch_row *rows;
        size_t count;
        assert_int_equal(sn_metrics_read_epochs(f->path, &rows, &count, &err),
                         SN_EDATA);
        assert_null(rows);
        assert_int_equal(append_epoch(f->path, 3, &err), SN_EIO);
        cut_damaged(f, STEPS_PER_EPOCH,
                    i == 0 ? "metrics.h5.damaged" : "metrics.h5.damaged.2");
        assert_epochs(f, 0);
        /* Earlier damaged files still exist. */
        for (size_t j = 0; j <= i; j++) {
            char path[192], bytes[16];
            snprintf(path, sizeof path, "%s.damaged%s", f->path, j == 0 ? "" : ".2");
            FILE *file = fopen(path, "rb");
            assert_non_null(file);
            assert_int_equal(fseek(file, places[j], SEEK_SET), 0);
            assert_int_equal(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
            assert_memory_equal(bytes, "no HDF5 any more", sizeof bytes);
            assert_int_equal(fclose(file), 0);
        }
    }
}

/* The chunk index has no checksum: a forged chunk size must not cause an allocation. */
static void test_forged_chunk_size(void **state)
{
    enum { SIZE_OFFSET = 24, FILE_BYTES = 1 << 20 };
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
    for (size_t i = 0; i + SIZE_OFFSET + 4 <= bytes; i++) {
        if (memcmp(data + i, "TREE\001", 5) == 0) {
            overwrite(f->path, (long)i + SIZE_OFFSET, "\x08\x00\x7f\xff", 4);
            forged++;
        }
    }
    free(data);
    assert_int_equal(forged, 3);
    size_t counts[SN_TABLES], count;
    sn_epoch_row *rows;
    assert_int_equal(sn_metrics_verify(f->path, counts, &err), SN_EDATA);
    assert_non_null(strstr(err.message, "wrong size"));
    assert_int_equal(sn_metrics_read_epochs(f->path, &rows, &count, &err), SN_EDATA);
    assert_non_null(strstr(err.message, "wrong size"));
    cut_damaged(f, STEPS_PER_EPOCH, "metrics.h5.damaged");
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
    char *text = csv_of(f, SN_TABLE_EPOCHS);
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

    text = csv_of(f, SN_TABLE_RANKS);
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
    assert_int_equal(append_rows(f->path, NULL, 0, NULL, 0, &row, 1, &err), SN_OK);
    char *text = csv_of(f, SN_TABLE_RANKS);
    assert_non_null(strstr(text, ",\"a,\"\"b\"\"?\"\n"));
    free(text);
}

static void test_missing_file(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    sn_epoch_row *rows;
    size_t count;
    assert_int_equal(sn_metrics_read_epochs(f->path, &rows, &count, &err), SN_ENOINPUT);
    assert_int_equal(sn_metrics_read_epochs(f->folder, &rows, &count, &err),
                     SN_ENOINPUT);
    assert_null(rows);
}

static void test_unwritable_folder(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    char path[192];
    snprintf(path, sizeof path, "%s/none/metrics.h5", f->folder);
    assert_int_equal(append_epoch(path, 1, &err), SN_ECREATE);
    assert_non_null(strstr(err.message, path));
}

static void test_injected_fault(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    setenv("SHARDNET_FAULT", "probe", 1);
    const bool compiled_in = sn_fault_check("probe", 0, 0, &err) != SN_OK;
    unsetenv("SHARDNET_FAULT");
    if (!compiled_in) {
        print_message("skipped: injected faults: built without SHARDNET_FAULTS\n");
        skip();
    }
    append_epochs(f, 1, 1);
    setenv("SHARDNET_FAULT", "metrics.append@0:1400", 1);
    assert_int_equal(append_epoch(f->path, 2, &err), SN_EIO);
    assert_int_equal(append_epoch(f->path, 3, &err), SN_OK);
    unsetenv("SHARDNET_FAULT");
    assert_int_equal(csv_rows(f, SN_TABLE_EPOCHS), 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_append),
        CASE(test_first_append_creates_the_file),
        CASE(test_cut_removes_later_rows),
        CASE(test_cut_removes_zero_rows),
        CASE(test_cut_creates_the_file),
        CASE(test_damaged_file_is_renamed),
        CASE(test_forged_chunk_size),
        CASE(test_csv_is_exact),
        CASE(test_csv_quotes_hosts),
        CASE(test_missing_file),
        CASE(test_unwritable_folder),
        CASE(test_injected_fault),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
