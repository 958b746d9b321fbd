/* SPDX-License-Identifier: BSD-3-Clause */
/* Checkpoints are read back bit for bit, and damaged files are rejected or harmless. */
#include "checkpoint_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fault.h"

static void test_round_trip(void **state)
{
    fixture *f = *state;
    write_good(f, f->path);
    assert_no_temporary(f);
    assert_reads_as_written(f);

    sn_error err = {""};
    sn_checkpoint *checkpoint;
    sn_checkpoint_info info;
    assert_int_equal(sn_checkpoint_open(f->path, &checkpoint, &info, &err), SN_OK);
    assert_int_equal(info.format_version, SN_CHECKPOINT_FORMAT_VERSION);
    assert_string_equal(info.program_version, f->info.program_version);
    assert_int_equal(strlen(info.created_utc), strlen("2026-01-31T23:59:59Z"));
    assert_int_equal(strlen(info.digest), SN_DIGEST_TEXT_BYTES - 1);
    assert_string_equal(info.config_text, f->info.config_text);
    assert_int_equal(info.input, f->info.input);
    assert_int_equal(info.classes, f->info.classes);
    assert_int_equal(info.layers, LAYERS);
    assert_string_equal(info.activation, "tanh");
    assert_true(info.activation_scale_out == f->info.activation_scale_out);
    assert_true(info.activation_scale_in == f->info.activation_scale_in);
    assert_true(info.input_scale == f->info.input_scale);
    assert_string_equal(info.data_source, "mnist");
    assert_int_equal(info.train_count, 60000);
    assert_string_equal(info.train_digest, f->info.train_digest);
    for (int64_t i = 0; i < LAYERS; i++) {
        assert_int_equal(sn_checkpoint_shapes(checkpoint)[i].in, widths[i]);
        assert_int_equal(sn_checkpoint_shapes(checkpoint)[i].out, widths[i + 1]);
    }
    sn_checkpoint_close(&checkpoint);
}

/* A file holds the tensors that info names.  Older programs read one with neither. */
static void test_files_without_optional_tensors(void **state)
{
    fixture *f = *state;
    for (int with = 0; with < 3; with++) {
        f->info.second_moments = with == 1;
        f->info.averaged = with == 2;
        write_good(f, f->path);
        sn_error err = {""};
        network *net = calloc(1, sizeof *net);
        sn_checkpoint_info info;
        assert_non_null(net);
        assert_int_equal(read_back(f->path, net, &info, &err), SN_OK);
        assert_int_equal(info.format_version, with == 0 ? 1 : 2);
        assert_int_equal(info.second_moments, with == 1);
        assert_int_equal(info.averaged, with == 2);
        for (int i = 0; i < LAYERS; i++) {
            const size_t bytes = (size_t)widths[i + 1] * sizeof(float);
            assert_memory_equal(net->layers[i].bias_velocity,
                                f->written.layers[i].bias_velocity, bytes);
            assert_true((net->layers[i].bias_second_moment[0] != 0) == (with == 1));
            assert_true((net->layers[i].bias_current[0] != 0) == (with == 2));
        }
        free(net);
    }
}

static void test_read_without_velocities(void **state)
{
    fixture *f = *state;
    write_good(f, f->path);
    sn_error err = {""};
    sn_checkpoint *checkpoint;
    sn_checkpoint_info info;
    network net = {0};
    lay_out(&net);
    for (int i = 0; i < LAYERS; i++) {
        net.layers[i].weight_velocity = net.layers[i].bias_velocity = NULL;
    }
    assert_int_equal(sn_checkpoint_open(f->path, &checkpoint, &info, &err), SN_OK);
    assert_int_equal(sn_checkpoint_read(checkpoint, net.layers, &err), SN_OK);
    for (int i = 0; i < LAYERS; i++) {
        const size_t out = (size_t)widths[i + 1], count = out * (size_t)widths[i];
        assert_memory_equal(net.layers[i].weight, f->written.layers[i].weight,
                            count * sizeof(float));
        assert_memory_equal(net.layers[i].bias, f->written.layers[i].bias,
                            out * sizeof(float));
    }
    net.layers[1].in++;
    assert_int_equal(sn_checkpoint_read(checkpoint, net.layers, &err), SN_EDATA);
    sn_checkpoint_close(&checkpoint);
}

static void test_stale_temporary_is_replaced(void **state)
{
    fixture *f = *state;
    char path[160];
    snprintf(path, sizeof path, "%s.tmp", f->path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("incomplete", file);
    fclose(file);
    write_good(f, f->path);
    assert_no_temporary(f);
    assert_reads_as_written(f);
}

typedef enum outcome { REFUSED, SAME, WRONG } outcome;

/* Reads a damaged file.  REFUSED: rejected, and the message names the file; SAME: read
 * with the content of the good file; WRONG: anything else. */
static outcome read_damaged(const fixture *f, const char *path)
{
    sn_error err = {""};
    network *net = malloc(sizeof *net);
    sn_checkpoint_info info;
    if (net == NULL) {
        return WRONG;
    }
    outcome result;
    const sn_status status = read_back(path, net, &info, &err);
    if (status == SN_OK) {
        result = memcmp(net->arena, f->written.arena, sizeof net->arena) == 0 &&
                         same_position(&info.position, &f->info.position) &&
                         strcmp(info.config_text, f->info.config_text) == 0
                     ? SAME
                     : WRONG;
    } else {
        result =
            status == SN_EDATA && strstr(err.message, path) != NULL ? REFUSED : WRONG;
    }
    if (result == WRONG) {
        fprintf(stderr, "status %d: %s\n", (int)status, err.message);
    }
    free(net);
    return result;
}

static bool flip_bytes(const fixture *f, const char *path, unsigned char *data,
                       size_t bytes)
{
    enum { FLIPS = 300 };
    sn_rng rng;
    sn_rng_init(&rng, 11, SN_RNG_SHUFFLE, 0, 0, 0);
    int refused = 0;
    for (int i = 0; i < FLIPS; i++) {
        const size_t at = sn_rng_next(&rng) % bytes;
        const unsigned char flip = (unsigned char)(1 + sn_rng_next(&rng) % 255);
        data[at] = (unsigned char)(data[at] ^ flip);
        write_file(path, data, bytes);
        const outcome result = read_damaged(f, path);
        if (result == WRONG) {
            fprintf(stderr, "byte %zu ^ %d\n", at, flip);
            return false;
        }
        refused += result == REFUSED;
        data[at] = (unsigned char)(data[at] ^ flip);
    }
    /* Other flips hit unused bytes: index nodes are mostly empty. */
    return refused > FLIPS / 3;
}

static void test_flipped_bytes_are_refused_or_harmless(void **state)
{
    run_damage_test(*state, flip_bytes);
}

static bool truncate_file(const fixture *f, const char *path, unsigned char *data,
                          size_t bytes)
{
    enum { CUTS = 50 };
    for (size_t i = 0; i < CUTS; i++) {
        const size_t left = i + 1 < CUTS ? bytes * i / CUTS : bytes - 1;
        write_file(path, data, left);
        if (read_damaged(f, path) != REFUSED) {
            fprintf(stderr, "cut to %zu of %zu bytes\n", left, bytes);
            return false;
        }
    }
    return true;
}

static void test_truncated_files_are_refused(void **state)
{
    run_damage_test(*state, truncate_file);
}

static void test_non_finite_values_are_refused(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    write_good(f, f->path);
    const float kept = f->written.layers[1].weight_velocity[3];
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        f->written.layers[1].weight_velocity[3] = bad[i];
        assert_int_equal(
            sn_checkpoint_write(f->path, &f->info, f->written.layers, NULL, &err),
            SN_EDIVERGED);
        assert_non_null(strstr(err.message, "/optimizer/layer1/weight"));
        assert_no_temporary(f);
    }
    f->written.layers[1].weight_velocity[3] = kept;
    assert_reads_as_written(f);
}

static void test_invalid_attributes_are_refused(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    f->info.position.epoch = -1;
    assert_int_equal(
        sn_checkpoint_write(f->path, &f->info, f->written.layers, NULL, &err),
        SN_EINTERNAL);
    f->info.position.epoch = 3;
    f->info.classes = 11;
    assert_int_equal(
        sn_checkpoint_write(f->path, &f->info, f->written.layers, NULL, &err),
        SN_EINTERNAL);
    f->info.classes = widths[LAYERS];
    memset(f->info.config_text, '#', sizeof f->info.config_text);
    assert_int_equal(
        sn_checkpoint_write(f->path, &f->info, f->written.layers, NULL, &err),
        SN_EINTERNAL);
    f->info.config_text[sizeof f->info.config_text - 1] = '\0';
    write_good(f, f->path);
    assert_reads_as_written(f);
}

static void test_unwritable_folder(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    char path[160];
    snprintf(path, sizeof path, "%s/none/one.h5", f->folder);
    assert_int_equal(sn_checkpoint_write(path, &f->info, f->written.layers, NULL, &err),
                     SN_ECREATE);
    assert_non_null(strstr(err.message, path));
    write_good(f, f->path);
    snprintf(path, sizeof path, "%s/below.h5", f->path);
    assert_int_equal(sn_checkpoint_write(path, &f->info, f->written.layers, NULL, &err),
                     SN_ECREATE);
}

/* Runs in child processes, because the limit cannot be raised again. */
static void test_full_disk_keeps_the_old_file(void **state)
{
    fixture *f = *state;
    write_good(f, f->path);
    const rlim_t limits[] = {0, 1, 100, 4096};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            const struct rlimit limit = {limits[i], limits[i]};
            sn_error err = {""};
            signal(SIGXFSZ, SIG_IGN);
            if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
                _exit(99);
            }
            /* exit, not _exit: the shutdown of HDF5 must not fail either */
            exit((int)sn_checkpoint_write(f->path, &f->info, f->written.layers, NULL,
                                          &err));
        }
        int result;
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_true(WIFEXITED(result));
        assert_int_equal(WEXITSTATUS(result), SN_EIO);
        assert_no_temporary(f);
        assert_reads_as_written(f);
    }
}

static void test_injected_faults_keep_the_old_file(void **state)
{
    static const char *const points[] = {"checkpoint.create", "checkpoint.write",
                                         "checkpoint.other",
                                         "checkpoint.publish@0:12345"};
    fixture *f = *state;
    sn_error err = {""};
    setenv("SHARDNET_FAULT", "probe", 1);
    const bool compiled_in = sn_fault_check("probe", 0, 0, &err) != SN_OK;
    unsetenv("SHARDNET_FAULT");
    if (!compiled_in) {
        print_message("skipped: injected faults: built without SHARDNET_FAULTS\n");
        skip();
    }
    write_good(f, f->path);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        setenv("SHARDNET_FAULT", points[i], 1);
        assert_int_equal(
            sn_checkpoint_write(f->path, &f->info, f->written.layers, NULL, &err),
            SN_EIO);
        unsetenv("SHARDNET_FAULT");
        assert_no_temporary(f);
        assert_reads_as_written(f);
    }
}

static void test_other_files_are_refused(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    sn_checkpoint *checkpoint;
    sn_checkpoint_info info;
    assert_int_equal(sn_checkpoint_open(f->path, &checkpoint, &info, &err),
                     SN_ENOINPUT);
    assert_int_equal(sn_checkpoint_open(f->folder, &checkpoint, &info, &err),
                     SN_ENOINPUT);
    write_file(f->path, (const unsigned char *)"", 0);
    assert_int_equal(sn_checkpoint_open(f->path, &checkpoint, &info, &err), SN_EDATA);
    write_file(f->path, (const unsigned char *)"text", 4);
    assert_int_equal(sn_checkpoint_open(f->path, &checkpoint, &info, &err), SN_EDATA);
    assert_non_null(strstr(err.message, f->path));

    char path[SN_PATH_BYTES];
    assert_int_equal(sn_checkpoint_resolve("/nowhere/at/all", path, &err), SN_ENOINPUT);
}

static void touch(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    write_file(path, (const unsigned char *)"", 0);
}

static void test_listing_and_rotation(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    int64_t *steps;
    size_t count;
    char path[SN_PATH_BYTES], folder[128];
    assert_int_equal(sn_checkpoint_list(f->folder, &steps, &count, &err), SN_OK);
    assert_int_equal(count, 0);
    assert_null(steps);
    assert_int_equal(sn_checkpoint_resolve(f->folder, path, &err), SN_ENOINPUT);
    assert_int_equal(sn_checkpoint_rotate(f->folder, 5, 1, &err), SN_OK);

    snprintf(folder, sizeof folder, "%s/checkpoints", f->folder);
    assert_int_equal(sn_folder_create(folder, &err), SN_OK);
    touch(folder, "best.h5");
    assert_int_equal(sn_checkpoint_resolve(f->folder, path, &err), SN_OK);
    assert_non_null(strstr(path, "/checkpoints/best.h5"));

    static const char *const names[] = {
        "step-00000007.h5",     "step-00000123.h5",  "step-123456789.h5",
        "step-00000099.h5",     "step-5.h5",         "step-00000001.h5.tmp",
        "step-00000002.h5.bak", "step-0000000x.h5",  "notes.tmp",
        "best.h5.tmp",          "step-000000003.h5", "step-00000004"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        touch(folder, names[i]);
    }
    char subfolder[192];
    snprintf(subfolder, sizeof subfolder, "%s/step-00000555.h5", folder);
    assert_int_equal(mkdir(subfolder, 0777), 0); /* a folder is not a checkpoint */
    static const int64_t expected[] = {123456789, 123, 99, 7};
    assert_int_equal(sn_checkpoint_list(f->folder, &steps, &count, &err), SN_OK);
    assert_int_equal(count, 4);
    assert_memory_equal(steps, expected, sizeof expected);
    free(steps);

    assert_int_equal(sn_checkpoint_resolve(f->folder, path, &err), SN_OK);
    assert_non_null(strstr(path, "/checkpoints/step-123456789.h5"));
    assert_int_equal(sn_checkpoint_path(path, f->folder, 123, &err), SN_OK);
    assert_true(sn_file_exists(path));
    char same[SN_PATH_BYTES];
    assert_int_equal(sn_checkpoint_resolve(path, same, &err), SN_OK);
    assert_string_equal(path, same);

    assert_int_equal(sn_checkpoint_rotate(f->folder, 123456789, 2, &err), SN_OK);
    assert_int_equal(rmdir(subfolder), 0);
    assert_int_equal(sn_checkpoint_list(f->folder, &steps, &count, &err), SN_OK);
    assert_int_equal(count, 2);
    assert_memory_equal(steps, expected, 2 * sizeof expected[0]);
    free(steps);
    static const char *const kept[] = {"best.h5", "step-5.h5", "step-00000002.h5.bak",
                                       "notes.tmp"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        assert_int_equal(sn_path_join(path, folder, kept[i], &err), SN_OK);
        assert_true(sn_file_exists(path));
    }
    assert_int_equal(sn_path_join(path, folder, "step-00000001.h5.tmp", &err), SN_OK);
    assert_false(sn_file_exists(path));
    assert_int_equal(sn_path_join(path, folder, "best.h5.tmp", &err), SN_OK);
    assert_false(sn_file_exists(path));
}

/* Rotation keeps checkpoints after the step just written.  A checkpoint renamed to
 * *.abandoned is not listed, and a second one does not replace the first. */
static void test_abandoned_files(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    int64_t *steps;
    size_t count;
    char path[SN_PATH_BYTES], new_path[SN_PATH_BYTES], folder[128];
    snprintf(folder, sizeof folder, "%s/checkpoints", f->folder);
    assert_int_equal(sn_folder_create(folder, &err), SN_OK);
    static const char *const names[] = {"step-00000288.h5", "step-00000388.h5",
                                        "step-00000684.h5", "step-00000720.h5"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        touch(folder, names[i]);
    }
    static const int64_t expected[] = {720, 684, 388};
    assert_int_equal(sn_checkpoint_rotate(f->folder, 388, 1, &err), SN_OK);
    assert_int_equal(sn_checkpoint_list(f->folder, &steps, &count, &err), SN_OK);
    assert_int_equal(count, 3);
    assert_memory_equal(steps, expected, sizeof expected);
    free(steps);

    static const char *const suffixes[] = {".abandoned", ".abandoned.2",
                                           ".abandoned.3"};
    assert_int_equal(sn_checkpoint_path(path, f->folder, 720, &err), SN_OK);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        touch(folder, names[3]);
        assert_int_equal(sn_file_move_away(path, "abandoned", new_path, &err), SN_OK);
        assert_string_equal(new_path + strlen(path), suffixes[i]);
        assert_true(sn_file_exists(new_path));
        assert_false(sn_file_exists(path));
    }
    assert_int_equal(sn_checkpoint_rotate(f->folder, 388, 1, &err), SN_OK);
    assert_true(sn_file_exists(new_path));
    assert_int_equal(sn_checkpoint_list(f->folder, &steps, &count, &err), SN_OK);
    assert_int_equal(count, 2);
    free(steps);
    assert_int_equal(sn_file_move_away(path, "abandoned", new_path, &err), SN_EIO);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_round_trip),
        CASE(test_files_without_optional_tensors),
        CASE(test_read_without_velocities),
        CASE(test_stale_temporary_is_replaced),
        CASE(test_flipped_bytes_are_refused_or_harmless),
        CASE(test_truncated_files_are_refused),
        CASE(test_non_finite_values_are_refused),
        CASE(test_invalid_attributes_are_refused),
        CASE(test_unwritable_folder),
        CASE(test_full_disk_keeps_the_old_file),
        CASE(test_injected_faults_keep_the_old_file),
        CASE(test_other_files_are_refused),
        CASE(test_listing_and_rotation),
        CASE(test_abandoned_files),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
