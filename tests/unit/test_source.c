/* SPDX-License-Identifier: BSD-3-Clause */
/* The readers of foreign data sets: CSV, NPZ, IDX with tables of labels, pictures. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/source/source.h"
#include "make_npz.h"

enum { FILE_BYTES_MAX = 1 << 16 };

static char root[] = "test_source.XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(root) != NULL && chdir(root) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return chdir("..") == 0 ? rmdir(root) : -1;
}

static void write_file(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

/* Reads a set of path, which must have the form; the caller clears samples. */
static sn_status read_set(const sn_source_form *form, const char *path, bool test,
                          sn_samples *samples, sn_error *err)
{
    sn_source found;
    *samples = (sn_samples){0};
    assert_ptr_equal(sn_source_find(path, &found), form);
    return form->read(&found, test, samples, err);
}

static void expect_set(const sn_source_form *form, const char *path, bool test,
                       size_t count, size_t rows, size_t cols, const char *labels,
                       const void *images)
{
    sn_samples samples;
    sn_error err = {""};
    if (read_set(form, path, test, &samples, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(samples.count, count);
    assert_int_equal(samples.rows, rows);
    assert_int_equal(samples.cols, cols);
    assert_memory_equal(samples.labels, labels, count);
    assert_memory_equal(samples.images, images, count * rows * cols);
    sn_samples_clear(&samples);
}

/* Expects an error whose one line has the path and why. */
static void expect_refusal(sn_status wanted, const sn_source_form *form,
                           const char *path, bool test, const char *why)
{
    sn_samples samples;
    sn_error err = {""};
    const sn_status status = read_set(form, path, test, &samples, &err);
    sn_samples_clear(&samples);
    if (status != wanted || strstr(err.message, why) == NULL) {
        fail_msg("status %d, '%s' instead of '%s'", status, err.message, why);
    }
    assert_non_null(strstr(err.message, path));
    assert_null(strchr(err.message, '\n'));
}

static void expect_error(const sn_source_form *form, const char *path, const char *why)
{
    expect_refusal(SN_EDATA, form, path, false, why);
}

static void csv_tables_are_read(void **state)
{
    static const char *const same[] = {
        "label,p0,p1,p2,p3\n7,1,2,3,255\n0,0,10,0,9\n",
        "label,p0,p1,p2,p3\r\n7,1,2,3,255\r\n0,0,10,0,9\r\n",
        "\xef\xbb\xbf\"label\",\"p0\",p1,p2,p3\n\"7\",1,\"2\",3,255\n\n0,0,10,0,9"};
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        write_text("a.csv", same[i]);
        expect_set(&sn_source_csv, "a.csv", false, 2, 2, 2, "\7\0",
                   "\1\2\3\xff\0\xa\0\x9");
    }
    unlink("a.csv");
}

static void malformed_csv_tables_name_the_line(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "the first column is ''"},
        {"x,p0\n1,2\n", "the first column is 'x'"},
        {"1,2\n", "line 1: it is no header; if the label is the first column"},
        {"label;p0\n1;2\n", "line 1: its columns are not separated by commas"},
        {"label\n1\n", "not a square image"},
        {"label,a,b\n1,2,3\n", "not a square image"},
        {"label,a\n1,2\n3\n", "line 3: it has fewer columns"},
        {"label,a\n1,2,3\n", "line 2: it has more columns"},
        {"label,a\n256,2\n", "line 2: the label is not a number 0 to 255"},
        {"label,a\n-1,2\n", "line 2: the label is not a number"},
        {"label,a\n1,\n", "line 2: a pixel is not a number"},
        {"label,a\n1,2.5\n", "line 2: a pixel is not a number"},
        {"label,a\n1,99999999999999999999\n", "line 2: a pixel is not a number"},
        {"label,a\n1,\"2\n", "line 2: a pixel is not a number"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_text("a.csv", cases[i].text);
        expect_error(&sn_source_csv, "a.csv", cases[i].why);
    }
    /* a header of a million columns does not claim memory for many rows */
    enum { COLUMNS = 1000 * 1000 };
    char *wide = malloc(5 + COLUMNS + 6);
    assert_non_null(wide);
    memcpy(wide, "label", 5);
    memset(wide + 5, ',', COLUMNS);
    memcpy(wide + 5 + COLUMNS, "\n1,2\n", 6);
    write_text("a.csv", wide);
    free(wide);
    expect_error(&sn_source_csv, "a.csv", "line 2: it has fewer columns");
    unlink("a.csv");
}

#define BYTES_HEADER(shape)                                                            \
    "{'descr': '|u1', 'fortran_order': False, 'shape': (" shape "), }\n"

/* Writes a.npz; x and y replace headers of the training set unless NULL. */
static void write_npz(const char *x, const char *y, size_t cut)
{
    uint8_t file[FILE_BYTES_MAX];
    const npz_array arrays[MAKE_NPZ_ARRAYS] = {
        {"x_train.npy", x != NULL ? x : BYTES_HEADER("2, 1, 3"), "abcdef", 6},
        {"y_train.npy", y != NULL ? y : BYTES_HEADER("2,"), "\1\0\0\0\0\0\0\0", 2},
        {"x_test.npy", BYTES_HEADER("1, 1, 3"), "xyz", 3},
        {"y_test.npy", "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }\n",
         "\4\0\0\0", 4}};
    write_file("a.npz", file, make_npz(arrays, file, sizeof file) - cut);
}

#ifdef SHARDNET_ZIP
static void npz_archives_are_read(void **state)
{
    (void)state;
    write_npz(NULL, NULL, 0);
    expect_set(&sn_source_npz, "a.npz", false, 2, 1, 3, "\1\0", "abcdef");
    expect_set(&sn_source_npz, "a.npz", true, 1, 1, 3, "\4", "xyz");
    static const struct {
        const char *x, *y, *why;
    } cases[] = {
        {BYTES_HEADER("2, 3"), NULL, "x_train.npy: it has the wrong number"},
        {BYTES_HEADER("2, 1, 3, 1"), NULL, "x_train.npy: its shape is not supported"},
        {BYTES_HEADER("0, 1, 3"), NULL, "x_train.npy: its elements are not bytes, or"},
        {BYTES_HEADER("1, 1, 3"), NULL, "x_train.npy: bytes follow"},
        {BYTES_HEADER("3, 1, 3"), NULL, "x_train.npy: it is cut off"},
        {BYTES_HEADER("99999, 9999, 9999"), NULL, "x_train.npy: it claims more"},
        {BYTES_HEADER("-2, 1, 3"), NULL, "x_train.npy: its shape is not supported"},
        {"{'descr': '|u1', 'fortran_order': True, 'shape': (2, 1, 3), }", NULL,
         "its order is not C"},
        {"{'descr': '>i4', 'fortran_order': False, 'shape': (2, 1, 3), }", NULL,
         "its elements are not bytes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 3), }", NULL,
         "its elements are not bytes"},
        {"{'descr': '", NULL, "its header is not that of an array"},
        {NULL, BYTES_HEADER("3,"), "y_train.npy: the number of labels differs"},
        {NULL, "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }",
         "y_train.npy: it is cut off"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_npz(cases[i].x, cases[i].y, 0);
        expect_error(&sn_source_npz, "a.npz", cases[i].why);
    }
    write_npz(NULL, NULL, 30);
    expect_error(&sn_source_npz, "a.npz", "cannot read NPZ file");
    unlink("a.npz");
}
#else
static void npz_archives_need_libzip(void **state)
{
    (void)state;
    write_npz(NULL, NULL, 0);
    expect_refusal(SN_ENOINPUT, &sn_source_npz, "a.npz", false,
                   "this build has no libzip");
    unlink("a.npz");
}
#endif

/* Writes the training set in IDX: two images of 1 x 2, and these labels. */
static void write_idx(const void *labels, size_t bytes)
{
    (void)mkdir("idx", 0777);
    write_file("idx/train-images.idx3-ubyte", "\0\0\10\3\0\0\0\2\0\0\0\1\0\0\0\2abcd",
               20);
    write_file("idx/train-labels.idx2-int", labels, bytes);
}

static void tables_of_labels_are_read(void **state)
{
    static const char good[] = "\0\0\14\2\0\0\0\2\0\0\0\2"
                               "\0\0\0\3\xff\xff\xff\xff\0\0\0\5\0\0\0\0";
    enum { BYTES = sizeof good - 1 };
    char labels[BYTES + 1];
    (void)state;
    write_idx(good, BYTES);
    expect_set(&sn_source_idx, "idx", false, 2, 1, 2, "\3\5", "abcd");
    write_idx(good, BYTES - 1);
    expect_error(&sn_source_idx, "idx", "row 1: it is cut off");
    write_idx(good, BYTES + 1);
    expect_error(&sn_source_idx, "idx", "row 2: further bytes follow");
    static const struct {
        size_t at;
        char value;
        const char *why;
    } cases[] = {{7, 3, "it has 3 labels for 2 images"},
                 {11, 0, "the number of columns is not 1 to 64"},
                 {11, 65, "the number of columns is not 1 to 64"},
                 {14, 1, "row 0 has label 259, not 0 to 255"},
                 {12, '\xff', "row 0 has label -16777213, not 0 to 255"},
                 {2, 13, "train-labels.idx2-int"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memcpy(labels, good, sizeof labels);
        labels[cases[i].at] = cases[i].value;
        write_idx(labels, BYTES);
        expect_error(&sn_source_idx, "idx", cases[i].why);
    }
    unlink("idx/train-images.idx3-ubyte");
    unlink("idx/train-labels.idx2-int");
    rmdir("idx");
}

/* Writes a picture of one row of two pixels. */
static void write_picture(const char *folder, const char *name, const char *pixels)
{
    char text[64], path[64];
    (void)mkdir("set", 0777);
    (void)mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(text, sizeof text, "P5 2 1 255\n%s", pixels);
    write_text(path, text);
}

static void folders_of_pictures_are_classes(void **state)
{
    (void)state;
    write_picture("set/3", "a.pgm", "ab");
    write_picture("set/3", "b.pgm", "cd");
    write_picture("set/10", "a.pgm", "ef");
    /* all names are numbers: they are the labels, and the classes are spread evenly */
    expect_set(&sn_source_pictures, "set", false, 3, 1, 2, "\3\xa\3", "abefcd");
    write_picture("set/cat", "a.pgm", "gh");
    /* now the order of the names gives them: 10, 3, cat */
    expect_set(&sn_source_pictures, "set", false, 4, 1, 2, "\1\0\2\1", "abefghcd");
    write_text("set/cat/a.pgm", "P5 1 1 255\nx");
    expect_error(&sn_source_pictures, "set", "it has 1 x 1 pixels");
    write_text("set/cat/a.pgm", "P5 2 1 255\nx");
    expect_error(&sn_source_pictures, "set", "cut off");
    static const char *const files[] = {"set/3/a.pgm", "set/3/b.pgm", "set/10/a.pgm",
                                        "set/cat/a.pgm"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        unlink(files[i]);
    }
    expect_error(&sn_source_pictures, "set", "its folders are empty");
    rmdir("set/3");
    rmdir("set/10");
    rmdir("set/cat");
    rmdir("set");
}

static void the_folders_of_the_training_set_give_the_labels(void **state)
{
    (void)state;
    (void)mkdir("set", 0777);
    (void)mkdir("set/train", 0777);
    (void)mkdir("set/test", 0777);
    write_picture("set/train/ant", "a.pgm", "ab");
    write_picture("set/train/bee", "a.pgm", "cd");
    write_picture("set/test/bee", "a.pgm", "ef");
    expect_set(&sn_source_pictures, "set", true, 1, 1, 2, "\1", "ef");
    char *text;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    sn_source found;
    assert_non_null(out);
    assert_ptr_equal(sn_source_find("set", &found), &sn_source_pictures);
    sn_source_pictures.print_classes(out, &found);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "class   0 is ant\nclass   1 is bee\n");
    free(text);
    write_picture("set/test/cow", "a.pgm", "gh");
    expect_refusal(SN_EDATA, &sn_source_pictures, "set", true,
                   "unknown class (set/test/cow)");
    static const char *const files[] = {"set/train/ant/a.pgm", "set/train/bee/a.pgm",
                                        "set/test/bee/a.pgm", "set/test/cow/a.pgm"};
    static const char *const folders[] = {
        "set/train/ant", "set/train/bee", "set/test/bee", "set/test/cow",
        "set/train",     "set/test",      "set"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        unlink(files[i]);
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        rmdir(folders[i]);
    }
}

static void a_number_without_training_folder_is_no_class(void **state)
{
    (void)state;
    static const char *const folders[] = {"set/train/3", "set/test/03", "set/test/7",
                                          "set/train",   "set/test",    "set"};
    (void)mkdir("set", 0777);
    (void)mkdir("set/train", 0777);
    (void)mkdir("set/test", 0777);
    write_picture("set/train/3", "a.pgm", "ab");
    write_picture("set/test/03", "a.pgm", "cd");
    expect_set(&sn_source_pictures, "set", true, 1, 1, 2, "\3", "cd");
    write_picture("set/test/7", "a.pgm", "ef");
    expect_refusal(SN_EDATA, &sn_source_pictures, "set", true,
                   "unknown class (set/test/7)");
    unlink("set/train/3/a.pgm");
    unlink("set/test/03/a.pgm");
    unlink("set/test/7/a.pgm");
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        rmdir(folders[i]);
    }
}

static void more_than_256_classes_are_refused(void **state)
{
    char path[32];
    (void)state;
    (void)mkdir("set", 0777);
    for (int i = 0; i <= SN_SOURCE_CLASSES_MAX; i++) {
        snprintf(path, sizeof path, "set/c%03d", i);
        assert_int_equal(mkdir(path, 0777), 0);
    }
    expect_error(&sn_source_pictures, "set", "it has 257 folders; at most 256");
    for (int i = 0; i <= SN_SOURCE_CLASSES_MAX; i++) {
        snprintf(path, sizeof path, "set/c%03d", i);
        rmdir(path);
    }
    rmdir("set");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_tables_are_read),
        cmocka_unit_test(malformed_csv_tables_name_the_line),
#ifdef SHARDNET_ZIP
        cmocka_unit_test(npz_archives_are_read),
#else
        cmocka_unit_test(npz_archives_need_libzip),
#endif
        cmocka_unit_test(tables_of_labels_are_read),
        cmocka_unit_test(folders_of_pictures_are_classes),
        cmocka_unit_test(the_folders_of_the_training_set_give_the_labels),
        cmocka_unit_test(a_number_without_training_folder_is_no_class),
        cmocka_unit_test(more_than_256_classes_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
