/* SPDX-License-Identifier: BSD-3-Clause */
/* Restoring the best epoch: a damaged file must not change the weights in memory. */
#include "checkpoint_fixture.h"

#include "run/restore.h"
#include "store/paths.h"

/* Writes the network of the fixture to RUN/checkpoints/best.h5 and returns its path. */
static void write_best(fixture *f, char path[SN_PATH_BYTES])
{
    char folder[SN_PATH_BYTES];
    sn_error err = {""};
    assert_int_equal(sn_path_join(folder, f->folder, SN_CHECKPOINTS_FOLDER, &err),
                     SN_OK);
    assert_int_equal(sn_folder_create(folder, &err), SN_OK);
    assert_int_equal(sn_checkpoint_best_path(path, f->folder, &err), SN_OK);
    assert_int_equal(sn_checkpoint_write(path, &f->info, f->written.layers, NULL, &err),
                     SN_OK);
}

/* Flips one bit of the last tensor in the file. */
static void damage(const char *path, const fixture *f)
{
    const sn_layer_tensors *last = &f->written.layers[LAYERS - 1];
    const size_t bytes = (size_t)last->out * sizeof(float);
    static unsigned char file_bytes[1 << 20];
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    const size_t size = fread(file_bytes, 1, sizeof file_bytes, file);
    long at = -1;
    for (size_t i = 0; i + bytes <= size; i++) {
        if (memcmp(file_bytes + i, last->bias_current, bytes) == 0) {
            at = (long)i;
        }
    }
    assert_true(at >= 0);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(file_bytes[at] ^ 1, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void a_damaged_file_does_not_change_the_state(void **state)
{
    fixture *f = *state;
    char path[SN_PATH_BYTES];
    write_best(f, path);

    static network now;
    lay_out(&now);
    for (int i = 0; i < FLOATS; i++) {
        now.arena[i] = (float)i;
    }
    const sn_network shape = {.layers = LAYERS};
    sn_position position = f->info.position;
    position.best_epoch = f->info.position.epoch;
    const sn_run_state run = {
        .network = &shape, .tensors = now.layers, .position = &position};
    sn_error err = {""};

    damage(path, f);
    assert_int_equal(sn_restore_weights(path, &run, &err), SN_EDATA);
    for (int i = 0; i < FLOATS; i++) {
        assert_true(now.arena[i] == (float)i);
    }

    write_best(f, path);
    assert_int_equal(sn_restore_weights(path, &run, &err), SN_OK);
    assert_memory_equal(now.arena, f->written.arena, sizeof now.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
        a_damaged_file_does_not_change_the_state, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
