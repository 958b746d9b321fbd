/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/numeric/digest.h"
#include "base/system/file.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "cli/report/sheet.h"
#include "data/dataset.h"
#include "data/fetch.h"
#include "data/formats/idx.h"
#include "data/import.h"
#include "data/synth.h"
#include "eval/loader.h"

enum {
    SAMPLES_MAX = 1000000,
    FROM_MAX = 8,
    FILES = 4,
    LABELS_MAX = 64, /* with more classes their counts are summarized */
    EMPTY_MAX = 8,   /* likewise the empty classes */
    LINES_MAX = 50,  /* classes in the picture of samples */
    ACROSS = 10      /* samples of each */
};

typedef struct arguments {
    const char *source, *dir;
    sn_import_options import;
    uint64_t train, test, seed;
    sn_list from;
} arguments;

#define OPERAND_DIR                                                                    \
    SN_OPERAND("DIR", dir,                                                             \
               "folder of the four IDX files; to train on them, set data.dir or the "  \
               "environment variable SHARDNET_DATA")

/* One of the four IDX files of a data set in memory. */
typedef struct idx_file {
    const uint8_t *elements;
    size_t size[3];
    int dimensions;
    char path[SN_PATH_BYTES];
    bool kept; /* a file with the same contents exists already */
} idx_file;

/* Describes the four files of storage, which has the layout of sn_dataset_fill. */
static void describe(const sn_dataset_shape *shape, const uint8_t *storage,
                     idx_file files[FILES])
{
    for (int i = 0; i < FILES; i++) {
        const size_t count = i < 2 ? shape->train_count : shape->test_count;
        const bool images = i % 2 == 0;
        files[i] = (idx_file){.dimensions = images ? 3 : 1,
                              .size = {count, shape->rows, shape->cols},
                              .elements = storage};
        storage += count * (images ? shape->rows * shape->cols : 1);
    }
}

/* Computes the SHA-256 of the file, including its header. */
static sn_status digest_file(const idx_file *file, char text[SN_DIGEST_TEXT_BYTES],
                             sn_error *err)
{
    uint8_t header[SN_IDX_HEADER_BYTES_MAX];
    size_t bytes;
    sn_digest *digest = sn_digest_create();
    sn_digest_add(digest, header,
                  sn_idx_format_header(file->dimensions, file->size, header, &bytes));
    sn_digest_add(digest, file->elements, bytes);
    return sn_digest_finish(&digest, text, err);
}

static sn_status write_set(const char *dir, idx_file files[FILES], sn_error *err)
{
    sn_status status = SN_OK;
    for (int i = 0; status == SN_OK && i < FILES; i++) {
        char digest[SN_DIGEST_TEXT_BYTES];
        status = digest_file(&files[i], digest, err);
        if (status == SN_OK) {
            status = sn_fetch_find(dir, i, digest, files[i].path, &files[i].kept, err);
        }
    }
    for (int i = 0; status == SN_OK && i < FILES; i++) {
        const idx_file *file = &files[i];
        if (!file->kept) {
            status = sn_idx_write(file->path, file->dimensions, file->size,
                                  file->elements, err);
        }
        if (status == SN_OK) {
            printf("%s  %s  %zu %s\n", file->kept ? "kept " : "wrote", file->path,
                   file->size[0], file->dimensions == 3 ? "images" : "labels");
        }
    }
    return status;
}

static sn_status run_synth(const void *user, sn_error *err)
{
    const arguments *chosen = user;
    const sn_dataset_shape shape = {(size_t)chosen->train, (size_t)chosen->test,
                                    SN_SYNTH_ROWS, SN_SYNTH_COLS};
    const size_t pixels = shape.rows * shape.cols;
    const size_t train = shape.train_count, test = shape.test_count;
    idx_file files[FILES];
    sn_status status = sn_folder_create(chosen->dir, err);
    if (status != SN_OK) {
        return status;
    }
    uint8_t *storage = sn_alloc(train + test, pixels + 1);
    if (storage == NULL) {
        return sn_fail(
            err, SN_ENOMEM,
            "not enough memory (%zu samples): use a smaller --train or --test",
            train + test);
    }
    uint8_t *rest = storage + train * (pixels + 1);
    sn_synth_draw(chosen->seed, 0, train, storage, storage + train * pixels);
    sn_synth_draw(chosen->seed, train, test, rest, rest + test * pixels);
    describe(&shape, storage, files);
    status = write_set(chosen->dir, files, err);
    free(storage);
    return status;
}

static const sn_command fetch;

/* Checks all four existing files before the first download: the folder never holds a
 * mixture of two data sets. */
static sn_status run_fetch(const void *user, sn_error *err)
{
    const arguments *chosen = user;
    const char *own[FROM_MAX];
    for (size_t i = 0; i < chosen->from.count; i++) {
        own[i] = chosen->from.value[i].text;
        /* an address with a scheme is never an option of curl */
        if (own[i][0] == '-' || strstr(own[i], "://") == NULL) {
            return sn_options_refuse(
                &fetch, err,
                "wrong value (--from %s): it must be a URL such as "
                "https://host/folder/",
                own[i]);
        }
    }
    const size_t mirror_count =
        chosen->from.count > 0 ? chosen->from.count : SN_FETCH_MIRRORS;
    const char *const *mirrors = chosen->from.count > 0 ? own : sn_fetch_mirrors;
    char path[SN_PATH_BYTES];
    bool kept;
    sn_status status = sn_folder_create(chosen->dir, err);
    for (int file = 0; status == SN_OK && file < FILES; file++) {
        status =
            sn_fetch_find(chosen->dir, file, sn_fetch_digests[file], path, &kept, err);
    }
    for (int file = 0; status == SN_OK && file < FILES; file++) {
        status =
            sn_fetch_file(chosen->dir, file, mirrors, mirror_count, path, &kept, err);
        if (status == SN_OK) {
            printf("%s  %s\n", kept ? "kept   " : "fetched", path);
            fflush(stdout);
        }
    }
    return status;
}

static void print_labels(const char *name, const sn_split *split, size_t classes)
{
    size_t count[256] = {0};
    for (size_t i = 0; i < split->count; i++) {
        count[split->labels[i]]++;
    }
    printf("%s %zu samples\n", name, split->count);
    size_t fewest = 0, most = 0;
    for (size_t label = 0; label < classes; label++) {
        fewest = count[label] < count[fewest] ? label : fewest;
        most = count[label] > count[most] ? label : most;
        if (classes <= LABELS_MAX) {
            printf("    label %zu: %zu\n", label, count[label]);
        }
    }
    if (classes > LABELS_MAX) {
        printf("    %zu labels: fewest %zu (label %zu), most %zu (label %zu)\n",
               classes, count[fewest], fewest, count[most], most);
    }
}

/* A class without training samples is often a label that starts at 1. */
static void print_empty_classes(const sn_dataset *data)
{
    size_t count[256] = {0};
    for (size_t i = 0; i < data->train.count; i++) {
        count[data->train.labels[i]]++;
    }
    size_t empty = 0;
    for (size_t label = 0; label < data->classes; label++) {
        if (count[label] == 0 && ++empty <= EMPTY_MAX) {
            printf("note    class %zu is empty: it has no training samples\n", label);
        }
    }
    if (empty > EMPTY_MAX) {
        printf("note    %zu more classes are empty\n", empty - EMPTY_MAX);
    }
}

static sn_status print_origin(const idx_file files[FILES], sn_error *err)
{
    for (int i = 0; i < FILES; i++) {
        char digest[SN_DIGEST_TEXT_BYTES];
        const sn_status status = digest_file(&files[i], digest, err);
        if (status != SN_OK) {
            return status;
        }
        if (strcmp(digest, sn_fetch_digests[i]) != 0) {
            printf("original MNIST: no (%s differs)\n", sn_dataset_file_names[i]);
            return SN_OK;
        }
    }
    printf("original MNIST: yes\n");
    return SN_OK;
}

/* Draws the first images of each class, a line per class, to dir/preview.png. */
static sn_status draw_samples(const char *dir, const sn_dataset *data, sn_error *err)
{
    char path[SN_PATH_BYTES];
    size_t drawn[LINES_MAX] = {0};
    sn_sheet sheet = {.pixels = NULL};
    const size_t lines = data->classes < LINES_MAX ? data->classes : LINES_MAX;
    const sn_sheet_layout layout =
        sn_sheet_contact(data->rows, data->cols, ACROSS, lines);
    sn_status status = sn_path_join(path, dir, "preview.png", err);
    if (status == SN_OK) {
        status = sn_sheet_init(&sheet, &layout, err);
    }
    for (size_t i = 0; status == SN_OK && i < data->train.count; i++) {
        const size_t label = data->train.labels[i];
        if (label < lines && drawn[label] < ACROSS) {
            sn_sheet_draw(&sheet, label * ACROSS + drawn[label]++,
                          data->train.images + i * data->features);
        }
    }
    if (status == SN_OK) {
        status = sn_sheet_write(&sheet, path, err);
    }
    if (status == SN_OK) {
        printf("preview %s (training images, a line per class)\n", path);
    }
    sn_sheet_clear(&sheet);
    return status;
}

static sn_status describe_set(const char *dir, bool draws, sn_error *err)
{
    sn_dataset_spec spec = {.source = SN_SOURCE_IDX};
    sn_dataset_shape shape;
    sn_dataset data;
    uint8_t *storage;
    idx_file files[FILES];
    sn_error no_preview;
    int length = snprintf(spec.dir, sizeof spec.dir, "%s", dir);
    if (length < 0 || length >= SN_PATH_BYTES) {
        return sn_fail(err, SN_EUSAGE, "path too long (%s)", dir);
    }
    sn_status status = sn_loader_read(&spec, NULL, &shape, &storage, &data, err);
    if (status == SN_OK) {
        printf("folder  %s\n", spec.dir);
        printf("images  %zu x %zu, %zu classes\n", data.rows, data.cols, data.classes);
        print_labels("train  ", &data.train, data.classes);
        print_labels("test   ", &data.test, data.classes);
        print_empty_classes(&data);
        printf("digest  %s (training images and labels)\n", data.train_digest);
        describe(&shape, storage, files);
        status = print_origin(files, err);
    }
    if (status == SN_OK && draws && draw_samples(dir, &data, &no_preview) != SN_OK) {
        sn_job_warn(&no_preview);
    }
    free(storage);
    return status;
}

/* A file, or a folder without any of the four files, may hold a data set of another
 * form. */
static sn_status run_check(const void *user, sn_error *err)
{
    const arguments *chosen = user;
    char path[SN_PATH_BYTES];
    bool found = false;
    if (sn_file_exists(chosen->dir) && !sn_is_folder(chosen->dir)) {
        return sn_import_explain(chosen->dir, err);
    }
    for (int i = 0; i < FILES && !found && sn_is_folder(chosen->dir); i++) {
        const sn_status status =
            sn_dataset_find_file(chosen->dir, i, path, &found, err);
        if (status != SN_OK) {
            return status;
        }
        found = found || sn_dataset_is_unfinished(chosen->dir, i);
        if (i == FILES - 1 && !found) {
            return sn_import_explain(chosen->dir, err);
        }
    }
    return describe_set(chosen->dir, false, err);
}

static sn_status run_import(const void *user, sn_error *err)
{
    const arguments *chosen = user;
    char *classes;
    sn_status status =
        sn_import(chosen->source, chosen->dir, &chosen->import, &classes, err);
    if (status == SN_OK) {
        printf("wrote   %s; to train on it, set data.source = idx and data.dir\n%s",
               chosen->dir, classes);
        status = describe_set(chosen->dir, true, err);
    }
    free(classes);
    return status;
}

static const sn_command synth = {
    .name = "data synth",
    .summary = "write a data set of synthetic digits, not MNIST",
    .text =
        "Draws synthetic digits, 28 x 28 in ten classes, and writes them as four IDX "
        "files; they are not MNIST. An existing file with the same contents, plain or "
        ".gz, is kept. If an existing file differs, nothing is changed and the exit "
        "code is 73.",
    .operands = {{OPERAND_DIR}},
    .options = {{SN_INTEGER("train", "N", 1, SAMPLES_MAX, train,
                            "number of training samples (20000)")},
                {SN_INTEGER("test", "N", 1, SAMPLES_MAX, test,
                            "number of test samples (4000)")},
                {SN_INTEGER("seed", "S", 0, (double)UINT64_MAX, seed,
                            "seed of the random numbers (2017)")}},
    .tasks = SN_TASKS_FIRST,
    .bytes = sizeof(arguments),
    .defaults = &(const arguments){.train = SN_SYNTH_TRAIN_COUNT,
                                   .test = SN_SYNTH_TEST_COUNT,
                                   .seed = SN_SYNTH_SEED},
    .run = run_synth};

static const sn_command fetch = {
    .name = "data fetch",
    .summary = "download MNIST and check its digests",
    .text =
        "Downloads MNIST with the program curl and checks the SHA-256 of each file. An "
        "existing file with the same contents, plain or .gz, is kept. If an existing "
        "file differs, nothing is changed and the exit code is 73.",
    .operands = {{OPERAND_DIR}},
    .options =
        {{SN_TEXT("from", "URL", from,
                  "URL of a folder with the four .gz files, instead of the two public "
                  "mirrors; may be repeated: the URLs are tried in order"),
          .limit = FROM_MAX}},
    .tasks = SN_TASKS_FIRST,
    .bytes = sizeof(arguments),
    .run = run_fetch};

static const sn_command check = {
    .name = "data check",
    .summary = "check and describe the four IDX files of a folder",
    .text =
        "Reads the four IDX files of DIR, plain or .gz, and prints the image size, the "
        "number of samples per label, a digest, and whether the files are MNIST. If DIR "
        "holds a data set of another form, prints the command that imports it.",
    .operands = {{OPERAND_DIR}},
    .tasks = SN_TASKS_FIRST,
    .bytes = sizeof(arguments),
    .run = run_check};

static const sn_command import = {
    .name = "data import",
    .summary = "write the data set of another program as four IDX files",
    .text =
        "Reads SOURCE and writes the four IDX files to DIR. SOURCE is one of: a folder "
        "with IDX files under the names of MNIST, EMNIST or QMNIST (or such a folder "
        "and the beginning of the names: gzip/emnist-letters); mnist.npz of Keras; a "
        "CSV table with the column label first, or a folder with a table of training "
        "and one of test samples; a folder with one folder of pictures (PNG, JPEG, "
        "PGM) per class, or with such folders in train and test. IDX and CSV may be "
        "gzip files. "
        "Pixels are not changed: MNIST has white digits on black. All files appear at "
        "the end, or none. Then the sizes and the samples per label are printed, and "
        "DIR/preview.png shows ten training images of each class.",
    .operands = {{SN_OPERAND("SOURCE", source, "file or folder to import")},
                 {OPERAND_DIR}},
    .options = {{SN_FLAG("transpose", import.transpose,
                         "swap rows and columns of each image, for EMNIST")},
                {SN_REAL("test-fraction", "F", 0.001, 0.9, import.test_fraction,
                         "make a test set from this share of each class, if SOURCE "
                         "has a training set only")},
                {SN_FLAG("force", import.force, "replace a data set in DIR")}},
    .tasks = SN_TASKS_FIRST,
    .bytes = sizeof(arguments),
    .run = run_import};

const sn_command sn_command_data = {
    .name = "data",
    .summary = "make, download, import, check or preview a data set",
    .text = "Makes, downloads, imports, checks and shows data sets.",
    .commands = {&synth, &fetch, &import, &check, &sn_command_preview},
    .tasks = SN_TASKS_FIRST};
