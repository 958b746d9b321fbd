/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading back a valid checkpoint that differs from the one written reports the
 * difference. */
#include "checkpoint_fixture.h"

#include <hdf5.h>
#include <sys/stat.h>

#include "store/checkpoint/layout.h"

/* Returns info with the digest of the file at f->path. */
static sn_checkpoint_info read_info(const fixture *f)
{
    sn_error err = {""};
    sn_checkpoint_info info;
    assert_int_equal(sn_checkpoint_verify(f->path, &info, &err), SN_OK);
    return info;
}

/* Asserts that the file differs from info and tensors and that the message has name. */
static void assert_differs(const fixture *f, const sn_checkpoint_info *info,
                           const sn_layer_tensors *tensors, const char *name)
{
    sn_error err = {""};
    assert_int_equal(sn_checkpoint_read_back(f->path, info, tensors, &err), SN_EDATA);
    assert_non_null(strstr(err.message, name));
    assert_non_null(strstr(err.message, f->path));
}

static void test_every_tensor_is_compared(void **state)
{
    fixture *f = *state;
    sn_error err = {""};
    write_good(f, f->path);
    sn_checkpoint_info info = read_info(f);
    assert_int_equal(sn_checkpoint_read_back(f->path, &info, f->written.layers, &err),
                     SN_OK);
    for (int i = 0; i < LAYERS; i++) {
        for (int kind = 0; kind < SN_TENSOR_KINDS; kind++) {
            const sn_layer_tensors *layer = &f->written.layers[i];
            const size_t last = sn_tensor_count(layer, kind) - 1;
            char name[2 * SN_TENSOR_NAME_BYTES];
            sn_tensor_name(name, i, kind);
            strcat(name, ": differs from the written data");
            for (size_t at = 0; at <= last; at += last) {
                float *value = &sn_layer_tensor(layer, kind)[at];
                const float good = *value;
                uint32_t bits;
                memcpy(&bits, value, sizeof bits);
                bits ^= 1;
                memcpy(value, &bits, sizeof bits);
                assert_differs(f, &info, f->written.layers, name);
                *value = good;
            }
        }
    }
    assert_int_equal(sn_checkpoint_read_back(f->path, &info, f->written.layers, &err),
                     SN_OK);
}

static void test_attributes_and_shapes_are_compared(void **state)
{
    fixture *f = *state;
    write_good(f, f->path);
    sn_checkpoint_info good = read_info(f);

    sn_checkpoint_info info = good;
    info.position.step++;
    assert_differs(f, &info, f->written.layers, "/progress/step ");
    info = good;
    strcpy(info.config_text, "[model]\n");
    assert_differs(f, &info, f->written.layers, "/config/text ");
    info = good;
    info.program_version[0] ^= 1;
    assert_differs(f, &info, f->written.layers, "/program_version ");
    info = good;
    info.input_scale = -info.input_scale;
    assert_differs(f, &info, f->written.layers, "/model/input_scale ");
    info = good;
    info.digest[0] = info.digest[0] == '0' ? '1' : '0';
    assert_differs(f, &info, f->written.layers, "/digest ");

    network narrow = f->written;
    narrow.layers[1].out--;
    assert_differs(f, &good, narrow.layers, "layer 1 is 20 x 30, not 19 x 30");
}

/* Chunks are padded in the file; still it must not be much larger than its tensors. */
static void test_file_size(void **state)
{
    enum { IN = 784, OUT = 1024, COUNT = OUT * IN };
    const fixture *f = *state;
    sn_error err = {""};
    float *values = calloc(2 * (COUNT + OUT), sizeof *values);
    assert_non_null(values);
    const sn_layer_tensors layer = {.in = IN,
                                    .out = OUT,
                                    .weight = values,
                                    .weight_velocity = values + COUNT,
                                    .bias = values + 2 * COUNT,
                                    .bias_velocity = values + 2 * COUNT + OUT};
    sn_checkpoint_info info = f->info;
    info.layers = 1;
    info.input = IN;
    info.classes = OUT;
    info.second_moments = info.averaged = false;
    assert_int_equal(sn_checkpoint_write(f->path, &info, &layer, NULL, &err), SN_OK);
    FILE *file = fopen(f->path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    assert_in_range(ftell(file), 8 * (COUNT + OUT), 8 * (COUNT + OUT) * 101 / 100);
    fclose(file);
    free(values);
}

typedef enum elsewhere { EXTERNAL, VIRTUAL, VIRTUAL_UNLIMITED } elsewhere;

/* Replaces the dataset at name by one whose data are in the file source. */
static void store_elsewhere(const char *path, const char *name, const char *source,
                            elsewhere where)
{
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t old = H5Dopen2(file, name, H5P_DEFAULT);
    const hid_t type = H5Dget_type(old), creation = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Dget_space(old);
    hsize_t extents[2], most[2];
    assert_int_equal(H5Sget_simple_extent_dims(space, extents, NULL), 2);
    memcpy(most, extents, sizeof most);
    if (where == EXTERNAL) {
        assert_true(H5Pset_external(creation, source, 0, H5F_UNLIMITED) >= 0);
    } else {
        const hsize_t start[2] = {0, 0}, count[2] = {1, 1};
        most[0] = where == VIRTUAL ? extents[0] : H5S_UNLIMITED;
        H5Sclose(space);
        space = H5Screate_simple(2, extents, most);
        assert_true(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count,
                                        most[0] == extents[0] ? extents : most) >= 0);
        assert_true(H5Pset_virtual(creation, space, source, name, space) >= 0);
    }
    assert_true(H5Ldelete(file, name, H5P_DEFAULT) >= 0);
    const hid_t made =
        H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(made >= 0);
    H5Dclose(made);
    H5Dclose(old);
    H5Tclose(type);
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(file);
}

/* A checkpoint must not make a reader open other files: a FIFO would block it. */
static void test_data_in_other_files_are_refused(void **state)
{
    enum { HANG_SECONDS = 30 };
    fixture *f = *state;
    char fifo[160];
    snprintf(fifo, sizeof fifo, "%s/fifo", f->folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    alarm(HANG_SECONDS);
    for (elsewhere where = EXTERNAL; where <= VIRTUAL_UNLIMITED; where++) {
        sn_error err = {""};
        sn_checkpoint_info info;
        sn_checkpoint_state loaded;
        write_good(f, f->path);
        store_elsewhere(f->path, "/model/layer1/weight", fifo, where);
        assert_int_equal(sn_checkpoint_verify(f->path, &info, &err), SN_EDATA);
        assert_non_null(strstr(err.message, "/model/layer1/weight: stored in another"));
        assert_int_equal(sn_checkpoint_load(f->path, &loaded, &err), SN_EDATA);
    }
    alarm(0);
    assert_int_equal(unlink(fifo), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_every_tensor_is_compared),
        CASE(test_attributes_and_shapes_are_compared),
        CASE(test_file_size),
        CASE(test_data_in_other_files_are_refused),
    };
    return cmocka_run_group_tests_name("read_back", tests, NULL, NULL);
}
