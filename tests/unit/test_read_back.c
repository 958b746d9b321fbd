/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading back a valid checkpoint that differs from the one written reports the
 * difference. */
#include "checkpoint_fixture.h"
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
    assert_int_equal(sn_checkpoint_write(f->path, &info, &layer, NULL, &err), SN_OK);
    FILE *file = fopen(f->path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    assert_in_range(ftell(file), 8 * (COUNT + OUT), 8 * (COUNT + OUT) * 101 / 100);
    fclose(file);
    free(values);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_every_tensor_is_compared),
        CASE(test_attributes_and_shapes_are_compared),
        CASE(test_file_size),
    };
    return cmocka_run_group_tests_name("read_back", tests, NULL, NULL);
}
