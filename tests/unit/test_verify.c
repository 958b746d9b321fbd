/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions behind `verify` and `diff`: damage is found or harmless, and every
 * difference is reported. */
#include "checkpoint_fixture.h"

#include "config/config.h"
#include "store/checkpoint/compare.h"

static sn_status verify(const char *path, sn_error *err)
{
    sn_checkpoint_info info;
    sn_status status = sn_checkpoint_verify(path, &info, err);
    return status;
}

/* Returns the number of differences between two states, including configuration and
 * times. */
static int64_t differences(const sn_checkpoint_state *a, const sn_checkpoint_state *b)
{
    static const char *const groups[] = {"/", "/model", "/progress", "/data"};
    int64_t count = strcmp(a->info.config_text, b->info.config_text) != 0;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        count +=
            (int64_t)sn_compare_attributes(&a->info, &b->info, groups[i], NULL, NULL);
    }
    for (int64_t layer = 0; layer < a->info.layers; layer++) {
        for (int kind = 0; kind < SN_TENSOR_KINDS; kind++) {
            sn_compare_tensor tensor;
            sn_compare_layer(a, b, layer, kind, &tensor);
            count += tensor.same_shape ? tensor.differing : 1;
        }
    }
    return count;
}

/* True if verify fails and names the file, or if the state is the same. */
static bool found_or_harmless(const char *path, const sn_checkpoint_state *good,
                              int *found)
{
    sn_error err = {""};
    sn_status status = verify(path, &err);
    if (status == SN_EDATA && strstr(err.message, path) != NULL) {
        ++*found;
        return true;
    }
    sn_checkpoint_state state = {0};
    bool same = status == SN_OK && sn_checkpoint_load(path, &state, &err) == SN_OK &&
                differences(good, &state) == 0;
    sn_checkpoint_state_clear(&state);
    if (!same) {
        fprintf(stderr, "status %d: %s\n", (int)status, err.message);
    }
    return same;
}

static bool change_bytes(const fixture *f, const char *path, unsigned char *data,
                         size_t bytes)
{
    enum { CHANGES = 500 };
    sn_error err = {""};
    sn_checkpoint_state good;
    if (sn_checkpoint_load(f->path, &good, &err) != SN_OK) {
        return false;
    }
    sn_rng rng;
    sn_rng_init(&rng, 500, SN_RNG_SHUFFLE, 0, 0, 0);
    int found = 0;
    bool passed = true;
    for (int i = 0; i < CHANGES && passed; i++) {
        const size_t at = sn_rng_next(&rng) % bytes;
        const unsigned char kept = data[at];
        data[at] = (unsigned char)(kept ^ (1 + sn_rng_next(&rng) % 255));
        write_file(path, data, bytes);
        passed = found_or_harmless(path, &good, &found);
        if (!passed) {
            fprintf(stderr, "byte %zu: %02x -> %02x\n", at, kept, data[at]);
        }
        data[at] = kept;
    }
    sn_checkpoint_state_clear(&good);
    return passed && found > CHANGES / 3;
}

static void test_changed_bytes_are_found_or_harmless(void **state)
{
    run_damage_test(*state, change_bytes);
}

static bool cut(const fixture *f, const char *path, unsigned char *data, size_t bytes)
{
    enum { CUTS = 200 };
    (void)f;
    sn_rng rng;
    sn_rng_init(&rng, 200, SN_RNG_SHUFFLE, 0, 0, 0);
    for (int i = 0; i < CUTS; i++) {
        const size_t left = i == 0 ? bytes - 1 : sn_rng_next(&rng) % bytes;
        sn_error err = {""};
        write_file(path, data, left);
        if (verify(path, &err) != SN_EDATA || strstr(err.message, path) == NULL) {
            fprintf(stderr, "cut to %zu of %zu bytes: %s\n", left, bytes, err.message);
            return false;
        }
    }
    return true;
}

static void test_truncated_files_are_found(void **state)
{
    run_damage_test(*state, cut);
}

static void load(const char *path, sn_checkpoint_state *state)
{
    sn_error err = {""};
    if (sn_checkpoint_load(path, state, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
}

static void test_load_and_clear(void **state)
{
    fixture *f = *state;
    sn_checkpoint_state loaded;
    sn_error err = {""};
    assert_int_equal(sn_checkpoint_load(f->path, &loaded, &err), SN_ENOINPUT);
    assert_null(loaded.arena);
    assert_int_equal(verify(f->path, &err), SN_ENOINPUT);
    write_good(f, f->path);
    assert_int_equal(verify(f->path, &err), SN_OK);
    load(f->path, &loaded);
    assert_int_equal(loaded.parameters, FLOATS / 4);
    assert_memory_equal(loaded.arena, f->written.arena, sizeof f->written.arena);
    assert_int_equal(differences(&loaded, &loaded), 0);
    sn_checkpoint_state_clear(&loaded);
    sn_checkpoint_state_clear(&loaded);
}

typedef struct seen {
    int count;
    char text[1024];
} seen;

static void note(void *user, const char *name, const char *a, const char *b)
{
    seen *all = user;
    size_t used = strlen(all->text);
    snprintf(all->text + used, sizeof all->text - used, "%s: %s -> %s\n", name, a, b);
    all->count++;
}

static void test_differences_of_states(void **state)
{
    fixture *f = *state;
    char other[160];
    snprintf(other, sizeof other, "%s/two.h5", f->folder);
    f->written.layers[1].weight[3] = 0.5f;
    f->written.layers[1].weight[4] = 0;
    write_good(f, f->path);
    f->written.layers[1].weight[3] = 0.25f;
    f->written.layers[1].weight[4] = -0.0f;
    f->info.position.step = 12346;
    f->info.position.learning_rate = nextafter(0.1, 1);
    write_good(f, other);
    sn_checkpoint_state a, b;
    load(f->path, &a);
    load(other, &b);

    seen all = {0};
    assert_int_equal(sn_compare_attributes(&a.info, &b.info, "/progress", note, &all),
                     2);
    assert_string_equal(all.text, "step: 12345 -> 12346\n"
                                  "learning_rate: 0.10000000000000001 -> "
                                  "0.10000000000000002\n");
    assert_int_equal(sn_compare_attributes(&a.info, &b.info, "/model", note, &all), 0);

    sn_compare_tensor tensor;
    sn_compare_layer(&a, &b, 1, 0, &tensor);
    assert_string_equal(tensor.name, "/model/layer1/weight");
    assert_true(tensor.same_shape && !tensor.optimizer);
    assert_int_equal(tensor.count, 600);
    assert_int_equal(tensor.differing, 2);
    assert_true(tensor.max_absolute == 0.25 && tensor.max_relative == 0.5);
    sn_compare_layer(&a, &b, 1, 2, &tensor);
    assert_string_equal(tensor.name, "/optimizer/layer1/weight");
    assert_true(tensor.same_shape && tensor.optimizer && tensor.differing == 0);

    b.info.layers = 2;
    sn_compare_layer(&a, &b, 2, 1, &tensor);
    assert_false(tensor.same_shape);
    assert_int_equal(tensor.out_a, 10);
    assert_int_equal(tensor.out_b, 0);
    sn_checkpoint_state_clear(&a);
    sn_checkpoint_state_clear(&b);
}

static void note_key(void *user, const char *section, const char *key, const char *a,
                     const char *b)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", section, key);
    note(user, name, a != NULL ? a : "-", b != NULL ? b : "-");
}

static void test_differences_of_configurations(void **state)
{
    (void)state;
    sn_error err = {""};
    seen all = {0};
    size_t count;
    static const char a[] = "[x]\nsame = 1\nchanged = 1,2\ngone = a=b\n# n = 1\n[y]\n"
                            "same = 2";
    static const char b[] =
        "; n = 2\n[x]\nchanged = 1\n   ,3 \n  ; c\nsame=1  \n\n[z]\n[y]\nsame = 2\n"
        "come = 3\nno key\n";
    assert_int_equal(sn_config_compare(a, b, note_key, &all, &count, &err), SN_OK);
    assert_int_equal(count, 3);
    assert_string_equal(all.text, "x.changed: 1,2 -> 1,3\n"
                                  "x.gone: a=b -> -\n"
                                  "y.come: - -> 3\n");
    assert_int_equal(sn_config_compare("", "", note_key, &all, &count, &err), SN_OK);
    assert_int_equal(count, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_changed_bytes_are_found_or_harmless),
        CASE(test_truncated_files_are_found),
        CASE(test_load_and_clear),
        CASE(test_differences_of_states),
        CASE(test_differences_of_configurations),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
