/* SPDX-License-Identifier: BSD-3-Clause */
/* Data sets: their views, digest and classes, and the errors of unsuitable files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "data/dataset.h"
#include "data/formats/idx.h"
#include "data/synth.h"
#include "scratch.h"

enum { TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS };

static const char *path_of(int file, const char *ending)
{
    static char name[SN_PATH_BYTES];
    snprintf(name, sizeof name, "%s/%s%s", folder, sn_dataset_file_names[file], ending);
    return name;
}

/* Element i is i + file modulo a prime, so that samples and files differ. */
static void write_images(int file, size_t count, size_t rows, size_t cols)
{
    const size_t size[3] = {count, rows, cols};
    uint8_t *elements = malloc(count * rows * cols);
    assert_non_null(elements);
    for (size_t i = 0; i < count * rows * cols; i++) {
        elements[i] = (uint8_t)((i + (size_t)file) % 251);
    }
    assert_int_equal(sn_idx_write(path_of(file, ""), 3, size, elements, NULL), SN_OK);
    free(elements);
}

/* The labels are 0, 1 .. classes - 1, 0, 1 .. */
static void write_labels(int file, size_t count, size_t classes)
{
    uint8_t *elements = malloc(count);
    assert_non_null(elements);
    for (size_t i = 0; i < count; i++) {
        elements[i] = (uint8_t)(i % classes);
    }
    assert_int_equal(sn_idx_write(path_of(file, ""), 1, &count, elements, NULL), SN_OK);
    free(elements);
}

static void write_set(size_t train, size_t test, size_t rows, size_t cols,
                      size_t classes)
{
    write_images(TRAIN_IMAGES, train, rows, cols);
    write_labels(TRAIN_LABELS, train, classes);
    write_images(TEST_IMAGES, test, rows, cols);
    write_labels(TEST_LABELS, test, classes);
}

static sn_dataset_spec spec_of(sn_data_source source)
{
    sn_dataset_spec spec = {.source = source};
    snprintf(spec.dir, sizeof spec.dir, "%s", folder);
    return spec;
}

/* Loads a data set as a rank does; the caller frees *storage. */
static sn_status load(const sn_dataset_spec *spec, sn_dataset *data, uint8_t **storage,
                      sn_error *err)
{
    sn_dataset_shape shape;
    size_t bytes;
    *storage = NULL;
    sn_status status = sn_dataset_probe(spec, &shape, err);
    if (status != SN_OK) {
        return status;
    }
    assert_true(sn_dataset_bytes(&shape, &bytes));
    *storage = malloc(bytes);
    assert_non_null(*storage);
    status = sn_dataset_fill(spec, &shape, *storage, err);
    if (status == SN_OK) {
        status = sn_dataset_view(spec, &shape, *storage, NULL, data, err);
    }
    return status == SN_OK ? sn_dataset_normalize(spec, &shape, *storage, err) : status;
}

static void expect_error(const sn_dataset_spec *spec, sn_status wanted,
                         const char *where, const char *why)
{
    sn_dataset data;
    uint8_t *storage;
    sn_error err = {""};
    sn_status status = load(spec, &data, &storage, &err);
    free(storage);
    assert_int_equal(status, wanted);
    assert_non_null(strstr(err.message, where));
    assert_non_null(strstr(err.message, why));
    assert_non_null(strstr(err.message, "; "));
    assert_null(strchr(err.message, '\n'));
}

static void idx_supports_other_sizes_and_class_counts(void **state)
{
    (void)state;
    const struct {
        size_t rows, cols, classes;
    } cases[] = {{5, 3, 2}, {1, 1, 3}, {32, 31, 26}, {2, 2, 256}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        sn_dataset data;
        uint8_t *storage;
        sn_error err = {""};
        sn_dataset_spec spec = spec_of(SN_SOURCE_IDX);
        write_set(300, 40, cases[c].rows, cases[c].cols, cases[c].classes);
        assert_int_equal(load(&spec, &data, &storage, &err), SN_OK);
        assert_int_equal(data.rows, cases[c].rows);
        assert_int_equal(data.cols, cases[c].cols);
        assert_int_equal(data.features, cases[c].rows * cases[c].cols);
        assert_int_equal(data.classes, cases[c].classes);
        assert_int_equal(data.train.count, 300);
        assert_int_equal(data.validation.count, 0);
        assert_int_equal(data.test.count, 40);
        for (size_t i = 0; i < 300; i++) {
            assert_int_equal(data.train.labels[i], i % cases[c].classes);
            assert_int_equal(data.train.images[i * data.features],
                             i * data.features % 251);
        }
        for (size_t i = 0; i < 40; i++) {
            assert_int_equal(data.test.labels[i], i % cases[c].classes);
            assert_int_equal(data.test.images[i * data.features],
                             (i * data.features + TEST_IMAGES) % 251);
        }
        free(storage);
    }
}

static void a_single_label_counts_as_two_classes(void **state)
{
    (void)state;
    sn_dataset data;
    uint8_t *storage;
    sn_error err = {""};
    sn_dataset_spec spec = spec_of(SN_SOURCE_IDX);
    write_set(3, 2, 2, 2, 1);
    assert_int_equal(load(&spec, &data, &storage, &err), SN_OK);
    assert_int_equal(data.classes, 2);
    free(storage);
}

static void a_plain_file_takes_precedence_over_gzip(void **state)
{
    (void)state;
    sn_dataset data;
    uint8_t *storage;
    sn_error err = {""};
    sn_dataset_spec spec = spec_of(SN_SOURCE_IDX);
    const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 2, 1, 0};
    write_set(3, 2, 2, 2, 3);
    gzFile file = gzopen(path_of(TRAIN_LABELS, ".gz"), "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, labels, sizeof labels), sizeof labels);
    assert_int_equal(gzclose(file), Z_OK);

    assert_int_equal(load(&spec, &data, &storage, &err), SN_OK);
    assert_int_equal(data.train.labels[0], 0);
    free(storage);
    assert_int_equal(unlink(path_of(TRAIN_LABELS, "")), 0);
    assert_int_equal(load(&spec, &data, &storage, &err), SN_OK);
    assert_int_equal(data.train.labels[0], 2);
    free(storage);
}

static void train_limit_and_validation_shorten_the_training_set(void **state)
{
    (void)state;
    const struct {
        size_t limit, validation, train;
    } cases[] = {{0, 0, 50},  {0, 10, 40},  {20, 0, 20},
                 {20, 5, 15}, {500, 49, 1}, {50, 1, 49}};
    write_set(50, 7, 3, 2, 10);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        sn_dataset data;
        uint8_t *storage;
        sn_error err = {""};
        sn_dataset_spec spec = spec_of(SN_SOURCE_IDX);
        spec.train_limit = cases[c].limit;
        spec.validation = cases[c].validation;
        assert_int_equal(load(&spec, &data, &storage, &err), SN_OK);
        size_t train = cases[c].train;
        assert_int_equal(data.train.count, train);
        assert_int_equal(data.validation.count, cases[c].validation);
        assert_int_equal(data.test.count, 7);
        assert_ptr_equal(data.train.images, storage);
        assert_ptr_equal(data.train.labels, storage + (size_t)50 * 6);
        assert_ptr_equal(data.validation.images, storage + train * 6);
        assert_ptr_equal(data.validation.labels, data.train.labels + train);
        assert_ptr_equal(data.test.images, storage + (size_t)50 * 7);
        assert_ptr_equal(data.test.labels, data.test.images + (size_t)7 * 6);
        free(storage);
    }
}

static void validation_of_all_samples_is_rejected(void **state)
{
    (void)state;
    sn_dataset_spec spec = spec_of(SN_SOURCE_IDX);
    write_set(50, 7, 3, 2, 10);
    spec.validation = 50;
    expect_error(&spec, SN_ECONFIG, "data.validation", "50 of 50");
    spec.train_limit = 10;
    spec.validation = 10;
    expect_error(&spec, SN_ECONFIG, "data.validation", "10 of 10");
}

static void train_digest_is_the_sha256_of_the_training_bytes(void **state)
{
    (void)state;
    sn_dataset data;
    sn_dataset_shape shape;
    uint8_t *storage;
    sn_error err = {""};
    char digest[SN_DIGEST_TEXT_BYTES];
    sn_dataset_spec spec = spec_of(SN_SOURCE_IDX);
    write_set(50, 7, 3, 2, 10);
    assert_int_equal(load(&spec, &data, &storage, &err), SN_OK);
    assert_int_equal(sn_digest_buffer(storage, (size_t)50 * 7, digest, &err), SN_OK);
    assert_string_equal(data.train_digest, digest);

    /* a digest of the caller is copied, not computed */
    assert_int_equal(sn_dataset_probe(&spec, &shape, &err), SN_OK);
    assert_int_equal(sn_dataset_view(&spec, &shape, storage, "known", &data, &err),
                     SN_OK);
    assert_string_equal(data.train_digest, "known");
    free(storage);

    /* the digest is that of the files, the images have another width */
    spec.width = 1;
    assert_int_equal(load(&spec, &data, &storage, &err), SN_OK);
    assert_string_equal(data.train_digest, digest);
    const uint8_t *const images[] = {data.train.images, data.test.images};
    for (size_t split = 0; split < 2; split++) {
        for (size_t row = 0; row < 3; row++) {
            assert_int_equal(images[split][2 * row + 1], 0);
        }
    }
    free(storage);
}

static void the_error_for_missing_data_explains_how_to_get_it(void **state)
{
    (void)state;
    sn_dataset_spec spec = spec_of(SN_SOURCE_MNIST);
    const char *const hints[] = {"shardnet data fetch", "SHARDNET_DATA",
                                 "source = synthetic"};
    for (size_t i = 0; i < 3; i++) {
        spec.dir[0] = '\0';
        expect_error(&spec, SN_ENOINPUT, "data.dir", hints[i]);
        snprintf(spec.dir, sizeof spec.dir, "%s/absent", folder);
        expect_error(&spec, SN_ENOINPUT, spec.dir, hints[i]);
        spec = spec_of(SN_SOURCE_MNIST);
        for (int file = 0; file < 4; file++) {
            write_set(3, 2, 28, 28, 3);
            assert_int_equal(unlink(path_of(file, "")), 0);
            expect_error(&spec, SN_ENOINPUT, path_of(file, ""), hints[i]);
        }
    }
    write_set(3, 2, 28, 28, 3);
    snprintf(spec.dir, sizeof spec.dir, "%s", path_of(TRAIN_IMAGES, ""));
    expect_error(&spec, SN_ENOINPUT, spec.dir, "not a folder");
}

static void files_with_different_counts_or_sizes_are_rejected(void **state)
{
    (void)state;
    sn_dataset_spec spec = spec_of(SN_SOURCE_IDX);
    write_set(9, 5, 4, 4, 3);
    write_labels(TRAIN_LABELS, 8, 3);
    expect_error(&spec, SN_EDATA, folder,
                 "9 images, train-labels-idx1-ubyte has 8 labels");
    write_set(9, 5, 4, 4, 3);
    write_labels(TEST_LABELS, 6, 3);
    expect_error(&spec, SN_EDATA, folder,
                 "5 images, t10k-labels-idx1-ubyte has 6 labels");
    write_set(9, 5, 4, 4, 3);
    write_images(TEST_IMAGES, 5, 4, 5);
    expect_error(&spec, SN_EDATA, folder, "4 x 4, test images are 4 x 5");
    write_set(9, 5, 4, 4, 3);
    write_images(TEST_IMAGES, 5, 2, 8);
    expect_error(&spec, SN_EDATA, folder, "2 x 8");
    /* a file of labels in the place of images */
    write_set(9, 5, 4, 4, 3);
    write_labels(TRAIN_IMAGES, 9, 3);
    expect_error(&spec, SN_EDATA, path_of(TRAIN_IMAGES, ""), "swapped");
}

static void mnist_requires_28_by_28_pixels_and_ten_classes(void **state)
{
    (void)state;
    sn_dataset data;
    uint8_t *storage;
    sn_error err = {""};
    sn_dataset_spec spec = spec_of(SN_SOURCE_MNIST);
    write_set(20, 5, 28, 28, 4);
    assert_int_equal(load(&spec, &data, &storage, &err), SN_OK);
    assert_int_equal(data.classes, 10);
    free(storage);
    write_set(20, 5, 28, 29, 10);
    expect_error(&spec, SN_EDATA, folder, "28 x 29, not 28 x 28");
    write_set(20, 5, 28, 28, 11);
    expect_error(&spec, SN_EDATA, path_of(TRAIN_LABELS, ""), "sample 10 has label 10");
    write_labels(TRAIN_LABELS, 20, 10);
    const uint8_t labels[5] = {0, 1, 2, 200, 1};
    const size_t count = 5;
    assert_int_equal(sn_idx_write(path_of(TEST_LABELS, ""), 1, &count, labels, NULL),
                     SN_OK);
    expect_error(&spec, SN_EDATA, path_of(TEST_LABELS, ""), "sample 3 has label 200");
}

static void a_test_label_outside_the_training_classes_is_rejected(void **state)
{
    (void)state;
    sn_dataset_spec spec = spec_of(SN_SOURCE_IDX);
    write_set(9, 5, 4, 4, 3);
    write_labels(TEST_LABELS, 5, 4);
    expect_error(&spec, SN_EDATA, path_of(TEST_LABELS, ""), "sample 3 has label 3");
}

static void a_file_that_changed_after_the_probe_is_rejected(void **state)
{
    (void)state;
    sn_dataset_shape shape;
    sn_error err = {""};
    uint8_t storage[1000];
    sn_dataset_spec spec = spec_of(SN_SOURCE_IDX);
    for (int file = 0; file < 4; file++) {
        write_set(9, 5, 4, 4, 3);
        assert_int_equal(sn_dataset_probe(&spec, &shape, &err), SN_OK);
        if (file == TRAIN_IMAGES || file == TEST_IMAGES) {
            write_images(file, 30, 4, 4);
        } else {
            write_labels(file, 30, 3);
        }
        assert_int_equal(sn_dataset_fill(&spec, &shape, storage, &err), SN_EDATA);
        assert_non_null(strstr(err.message, path_of(file, "")));
        assert_non_null(strstr(err.message, "changed"));
    }
    assert_int_equal(unlink(path_of(TEST_LABELS, "")), 0);
    assert_int_equal(sn_dataset_probe(&spec, &shape, &err), SN_ENOINPUT);
}

static void a_size_that_exceeds_size_t_is_reported(void **state)
{
    (void)state;
    size_t bytes;
    sn_dataset_shape shape = {60000, 10000, 28, 28};
    assert_true(sn_dataset_bytes(&shape, &bytes));
    assert_int_equal(bytes, (size_t)70000 * 785);
    shape = (sn_dataset_shape){UINT32_MAX, 1, UINT32_MAX, 2};
    assert_false(sn_dataset_bytes(&shape, &bytes));
    shape = (sn_dataset_shape){1, 1, SIZE_MAX, 2};
    assert_false(sn_dataset_bytes(&shape, &bytes));
    shape = (sn_dataset_shape){1, 1, SIZE_MAX, 1};
    assert_false(sn_dataset_bytes(&shape, &bytes));
    shape = (sn_dataset_shape){SIZE_MAX, 1, 1, 1};
    assert_false(sn_dataset_bytes(&shape, &bytes));
}

static void expect_size(const sn_dataset_spec *spec, size_t features, size_t rows,
                        size_t cols, bool recorded)
{
    const sn_image_size size = sn_dataset_image_size(spec, features);
    assert_int_equal(size.rows, rows);
    assert_int_equal(size.cols, cols);
    assert_int_equal(size.recorded, recorded);
}

static void image_size_comes_from_the_files_or_is_a_square(void **state)
{
    (void)state;
    const sn_dataset_spec idx = spec_of(SN_SOURCE_IDX),
                          mnist = spec_of(SN_SOURCE_MNIST);
    expect_size(&mnist, 784, 28, 28, true); /* without files */
    expect_size(&idx, 36, 6, 6, false);
    expect_size(&idx, 35, 0, 0, false);
    expect_size(&idx, (size_t)1 << 62, (size_t)1 << 31, (size_t)1 << 31, false);
    expect_size(&idx, SIZE_MAX, 0, 0, false);
    write_set(3, 2, 4, 9, 3);
    expect_size(&idx, 36, 4, 9, true);
    expect_size(&idx, 49, 7, 7, false); /* the files have 36 pixels */
}

static void the_synthetic_source_needs_no_folder(void **state)
{
    (void)state;
    enum { PIXELS = SN_SYNTH_ROWS * SN_SYNTH_COLS };
    sn_dataset data;
    uint8_t *storage, image[PIXELS], label;
    sn_error err = {""};
    sn_dataset_spec spec = {.source = SN_SOURCE_SYNTHETIC, .validation = 1000};
    assert_int_equal(load(&spec, &data, &storage, &err), SN_OK);
    assert_int_equal(data.classes, SN_SYNTH_CLASSES);
    assert_int_equal(data.features, PIXELS);
    assert_int_equal(data.train.count, SN_SYNTH_TRAIN_COUNT - 1000);
    assert_int_equal(data.validation.count, 1000);
    assert_int_equal(data.test.count, SN_SYNTH_TEST_COUNT);
    sn_synth_draw(SN_SYNTH_SEED, SN_SYNTH_TRAIN_COUNT, 1, image, &label);
    assert_memory_equal(data.test.images, image, PIXELS);
    assert_int_equal(data.test.labels[0], label);
    sn_synth_draw(SN_SYNTH_SEED, SN_SYNTH_TRAIN_COUNT - 1000, 1, image, &label);
    assert_memory_equal(data.validation.images, image, PIXELS);
    assert_int_equal(data.validation.labels[0], label);
    free(storage);
}

static void mnist_has_the_known_labels_and_mean_grey(void **state)
{
    (void)state;
    const char *dir = getenv("SHARDNET_DATA");
    if (dir == NULL || dir[0] == '\0') {
        print_message("unavailable: MNIST: SHARDNET_DATA is not set\n");
        skip();
    }
    sn_dataset data;
    uint8_t *storage;
    sn_error err = {""};
    sn_dataset_spec spec = {.source = SN_SOURCE_MNIST, .validation = 10000};
    snprintf(spec.dir, sizeof spec.dir, "%s", dir);
    sn_status status = load(&spec, &data, &storage, &err);
    if (status != SN_OK) {
        free(storage);
        fail_msg("%s", err.message);
    }
    static const uint8_t first_train[] = {5, 0, 4, 1, 9, 2, 1, 3, 1, 4};
    static const uint8_t first_test[] = {7, 2, 1, 0, 4, 1, 4, 9, 5, 9};
    assert_int_equal(data.train.count, 50000);
    assert_int_equal(data.validation.count, 10000);
    assert_int_equal(data.test.count, 10000);
    assert_memory_equal(data.train.labels, first_train, sizeof first_train);
    assert_memory_equal(data.test.labels, first_test, sizeof first_test);
    size_t sum = 0;
    for (size_t i = 0; i < data.features * 60000; i++) {
        sum += data.train.images[i];
    }
    /* 784 times the mean grey of MNIST's training set, 33.318 */
    assert_in_range(sum / 60000, 26121, 26122);
    free(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(idx_supports_other_sizes_and_class_counts,
                                  empty_folder),
        cmocka_unit_test_teardown(a_single_label_counts_as_two_classes, empty_folder),
        cmocka_unit_test_teardown(a_plain_file_takes_precedence_over_gzip,
                                  empty_folder),
        cmocka_unit_test_teardown(train_limit_and_validation_shorten_the_training_set,
                                  empty_folder),
        cmocka_unit_test_teardown(validation_of_all_samples_is_rejected, empty_folder),
        cmocka_unit_test_teardown(train_digest_is_the_sha256_of_the_training_bytes,
                                  empty_folder),
        cmocka_unit_test_teardown(the_error_for_missing_data_explains_how_to_get_it,
                                  empty_folder),
        cmocka_unit_test_teardown(files_with_different_counts_or_sizes_are_rejected,
                                  empty_folder),
        cmocka_unit_test_teardown(mnist_requires_28_by_28_pixels_and_ten_classes,
                                  empty_folder),
        cmocka_unit_test_teardown(a_test_label_outside_the_training_classes_is_rejected,
                                  empty_folder),
        cmocka_unit_test_teardown(a_file_that_changed_after_the_probe_is_rejected,
                                  empty_folder),
        cmocka_unit_test(a_size_that_exceeds_size_t_is_reported),
        cmocka_unit_test_teardown(image_size_comes_from_the_files_or_is_a_square,
                                  empty_folder),
        cmocka_unit_test(the_synthetic_source_needs_no_folder),
        cmocka_unit_test(mnist_has_the_known_labels_and_mean_grey),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
