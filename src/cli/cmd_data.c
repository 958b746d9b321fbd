#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "data/dataset.h"
#include "data/fetch.h"
#include "data/formats/idx.h"
#include "data/synth.h"

enum { SAMPLES_MAX = 1000000, FROM_MAX = 8, FILES = 4 };

#define SEE_HELP "see `shardnet data --help`"

static const char help_text[] =
    "usage: shardnet data synth DIR [--train N] [--test N] [--seed S]\n"
    "       shardnet data fetch DIR [--from URL]...\n"
    "       shardnet data check DIR\n"
    "       shardnet data preview CONFIG [--set SECTION.KEY=VALUE]... -o FILE.png\n"
    "                             [--epoch N]\n"
    "\n"
    "synth  write a procedural set of handwritten-looking digits (28 x 28, ten\n"
    "       classes) as four IDX files; it is not MNIST\n"
    "    --train N   training samples, 1 to 1000000 (default 20000)\n"
    "    --test N    test samples, 1 to 1000000 (default 4000)\n"
    "    --seed S    another set for every seed (default 2017)\n"
    "fetch  download MNIST with the program curl and check it\n"
    "    --from URL  a folder that holds the four .gz files, instead of the two "
    "public\n"
    "                mirrors; may be repeated, tried in turn\n"
    "synth and fetch keep a file that is there, plain or .gz, with the same contents;\n"
    "with others they change nothing and end with 73.\n"
    "check  read the four IDX files of DIR, plain or .gz, and tell what they hold\n"
    "preview  a picture of 10 x 10 training images beside their distortions\n"
    "\n"
    "To train on a folder, set data.dir or the environment variable SHARDNET_DATA.\n";

typedef struct options {
    const char *dir;
    uint64_t train, test, seed;
    const char *from[FROM_MAX];
    size_t from_count;
} options;

typedef struct data_command {
    const char *name;
    const char *allowed; /* its options, each followed by a space */
    sn_status (*run)(const options *chosen, sn_error *err);
} data_command;

static sn_status parse_number(const char *name, const char *text, uint64_t low,
                              uint64_t high, uint64_t *value, sn_error *err)
{
    uint64_t result = 0;
    size_t length = strlen(text);
    bool good = length > 0 && strspn(text, "0123456789") == length;
    for (const char *c = text; good && *c != '\0'; c++) {
        uint64_t digit = (uint64_t)(*c - '0');
        good = result <= (UINT64_MAX - digit) / 10;
        result = 10 * result + digit;
    }
    if (!good || result < low || result > high) {
        return sn_fail(err, SN_EUSAGE,
                       "wrong value (%s %s): it must be a whole number from %" PRIu64
                       " to %" PRIu64 "; " SEE_HELP,
                       name, text, low, high);
    }
    *value = result;
    return SN_OK;
}

static sn_status set_option(options *chosen, const char *name, const char *value,
                            sn_error *err)
{
    if (strcmp(name, "--train") == 0) {
        return parse_number(name, value, 1, SAMPLES_MAX, &chosen->train, err);
    }
    if (strcmp(name, "--test") == 0) {
        return parse_number(name, value, 1, SAMPLES_MAX, &chosen->test, err);
    }
    if (strcmp(name, "--seed") == 0) {
        return parse_number(name, value, 0, UINT64_MAX, &chosen->seed, err);
    }
    /* the scheme also keeps curl from taking it for an option */
    if (value[0] == '-' || strstr(value, "://") == NULL) {
        return sn_fail(err, SN_EUSAGE,
                       "wrong value (--from %s): it must be an address such as "
                       "https://host/folder/; " SEE_HELP,
                       value);
    }
    if (chosen->from_count == FROM_MAX) {
        return sn_fail(err, SN_EUSAGE,
                       "too many mirrors (--from %s): at most %d; " SEE_HELP, value,
                       FROM_MAX);
    }
    chosen->from[chosen->from_count++] = value;
    return SN_OK;
}

/* One option, --name VALUE or --name=VALUE; *used tells how many words it took. */
static sn_status parse_option(const data_command *command, char **words, int left,
                              options *chosen, int *used, sn_error *err)
{
    const char *word = words[0];
    size_t length = strcspn(word, "=");
    char name[32], wanted[34];
    snprintf(name, sizeof name, "%.*s", (int)(length < 31 ? length : 31), word);
    snprintf(wanted, sizeof wanted, "%s ", name);
    if (length > 31 || strstr(command->allowed, wanted) == NULL) {
        return sn_fail(err, SN_EUSAGE,
                       "unknown option (%s): `data %s` does not have it; " SEE_HELP,
                       word, command->name);
    }
    const char *value = word[length] == '=' ? word + length + 1 : NULL;
    *used = 1;
    if (value == NULL) {
        if (left < 2) {
            return sn_fail(err, SN_EUSAGE,
                           "option without a value (%s): one must follow; " SEE_HELP,
                           word);
        }
        value = words[1];
        *used = 2;
    }
    return set_option(chosen, name, value, err);
}

static sn_status parse(const data_command *command, int argc, char **argv,
                       options *chosen, sn_error *err)
{
    int used = 1;
    bool ended = false;
    for (int i = 0; i < argc; i += used) {
        const sn_word word = sn_job_word(argv[i], &ended);
        used = 1;
        if (word == SN_WORD_END) {
            continue;
        }
        if (word == SN_WORD_OPTION) {
            sn_status status =
                parse_option(command, argv + i, argc - i, chosen, &used, err);
            if (status != SN_OK) {
                return status;
            }
        } else if (chosen->dir != NULL) {
            return sn_fail(
                err, SN_EUSAGE,
                "too many arguments (%s): `data %s` takes one folder; " SEE_HELP,
                argv[i], command->name);
        } else {
            chosen->dir = argv[i];
        }
    }
    if (chosen->dir == NULL || chosen->dir[0] == '\0') {
        return sn_fail(err, SN_EUSAGE,
                       "missing argument (data %s): it needs a folder; " SEE_HELP,
                       command->name);
    }
    return SN_OK;
}

/* SHA-256 of the IDX file that these elements make, header included */
static sn_status digest_as_file(int dimensions, const size_t size[3],
                                const uint8_t *elements,
                                char text[SN_DIGEST_TEXT_BYTES], sn_error *err)
{
    uint8_t header[16] = {0, 0, 8, (uint8_t)dimensions};
    size_t bytes = 1;
    for (int i = 0; i < dimensions; i++) {
        for (int k = 0; k < 4; k++) {
            header[4 + 4 * i + k] = (uint8_t)(size[i] >> (24 - 8 * k));
        }
        bytes *= size[i];
    }
    sn_digest *digest = sn_digest_create();
    if (digest == NULL) {
        return sn_fail(err, SN_ENOMEM, "digest: out of memory");
    }
    sn_status status = sn_digest_add(digest, header, 4 + 4 * (size_t)dimensions, err);
    if (status == SN_OK) {
        status = sn_digest_add(digest, elements, bytes, err);
    }
    if (status == SN_OK) {
        status = sn_digest_finish(digest, text, err);
    }
    sn_digest_destroy(&digest);
    return status;
}

/* One of the four files of a synthetic set. */
typedef struct synth_file {
    int dimensions;
    size_t size[3];
    const uint8_t *elements;
    char path[SN_PATH_BYTES];
    bool kept; /* there already, the same */
} synth_file;

/* Images and labels of count samples from first, drawn into storage, as files[0] and
 * files[1]. */
static void draw_pair(uint64_t seed, size_t first, size_t count, uint8_t *storage,
                      synth_file files[2])
{
    const size_t pixels = SN_SYNTH_ROWS * SN_SYNTH_COLS;
    sn_synth_draw(seed, first, count, storage, storage + count * pixels);
    files[0].elements = storage;
    files[1].elements = storage + count * pixels;
    for (int i = 0; i < 2; i++) {
        const size_t size[3] = {count, SN_SYNTH_ROWS, SN_SYNTH_COLS};
        files[i].dimensions = i == 0 ? 3 : 1;
        memcpy(files[i].size, size, sizeof size);
    }
}

static sn_status write_set(const char *dir, synth_file files[FILES], sn_error *err)
{
    sn_status status = SN_OK;
    for (int i = 0; status == SN_OK && i < FILES; i++) {
        char digest[SN_DIGEST_TEXT_BYTES];
        synth_file *file = &files[i];
        status =
            digest_as_file(file->dimensions, file->size, file->elements, digest, err);
        if (status == SN_OK) {
            status = sn_fetch_place(dir, i, digest, file->path, &file->kept, err);
        }
    }
    for (int i = 0; status == SN_OK && i < FILES; i++) {
        const synth_file *file = &files[i];
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

static sn_status run_synth(const options *chosen, sn_error *err)
{
    const size_t pixels = SN_SYNTH_ROWS * SN_SYNTH_COLS;
    const size_t train = (size_t)chosen->train, test = (size_t)chosen->test;
    sn_status status = sn_folder_create(chosen->dir, err);
    if (status != SN_OK) {
        return status;
    }
    synth_file *files = calloc(FILES, sizeof *files);
    uint8_t *storage = sn_alloc(train + test, pixels + 1);
    if (files == NULL || storage == NULL) {
        status =
            sn_fail(err, SN_ENOMEM, "not enough memory (%zu samples): ask for fewer",
                    train + test);
    } else {
        draw_pair(chosen->seed, 0, train, storage, files);
        draw_pair(chosen->seed, train, test, storage + train * (pixels + 1), files + 2);
        status = write_set(chosen->dir, files, err);
    }
    free(storage);
    free(files);
    return status;
}

/* All four are looked at before the first is fetched: no mixture of two data sets. */
static sn_status run_fetch(const options *chosen, sn_error *err)
{
    bool own = chosen->from_count > 0;
    const char *const *mirrors = own ? chosen->from : sn_fetch_mirrors;
    size_t mirror_count = own ? chosen->from_count : SN_FETCH_MIRRORS;
    char path[SN_PATH_BYTES];
    bool kept;
    sn_status status = sn_folder_create(chosen->dir, err);
    for (int file = 0; status == SN_OK && file < FILES; file++) {
        status =
            sn_fetch_place(chosen->dir, file, sn_fetch_digests[file], path, &kept, err);
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
    for (size_t label = 0; label < classes; label++) {
        printf("    label %zu: %zu\n", label, count[label]);
    }
}

static sn_status print_origin(const sn_dataset_shape *shape, const sn_dataset *data,
                              sn_error *err)
{
    const uint8_t *elements[FILES] = {data->train.images, data->train.labels,
                                      data->test.images, data->test.labels};
    for (int file = 0; file < FILES; file++) {
        const size_t size[3] = {file < 2 ? shape->train_count : shape->test_count,
                                shape->rows, shape->cols};
        char digest[SN_DIGEST_TEXT_BYTES];
        sn_status status =
            digest_as_file(file % 2 == 0 ? 3 : 1, size, elements[file], digest, err);
        if (status != SN_OK) {
            return status;
        }
        if (strcmp(digest, sn_fetch_digests[file]) != 0) {
            printf("original MNIST: no (%s differs)\n", sn_dataset_file_names[file]);
            return SN_OK;
        }
    }
    printf("original MNIST: yes\n");
    return SN_OK;
}

static sn_status check_loaded(const sn_dataset_spec *spec,
                              const sn_dataset_shape *shape, uint8_t *storage,
                              sn_error *err)
{
    sn_dataset data;
    sn_status status = sn_dataset_fill(spec, shape, storage, err);
    if (status == SN_OK) {
        status = sn_dataset_view(spec, shape, storage, NULL, &data, err);
    }
    if (status != SN_OK) {
        return status;
    }
    printf("folder  %s\n", spec->dir);
    printf("images  %zu x %zu, %zu classes\n", data.rows, data.cols, data.classes);
    print_labels("train  ", &data.train, data.classes);
    print_labels("test   ", &data.test, data.classes);
    printf("digest  %s (training images and labels)\n", data.train_digest);
    return print_origin(shape, &data, err);
}

static sn_status run_check(const options *chosen, sn_error *err)
{
    sn_dataset_spec spec = {.source = SN_SOURCE_IDX};
    sn_dataset_shape shape;
    int length = snprintf(spec.dir, sizeof spec.dir, "%s", chosen->dir);
    if (length < 0 || length >= SN_PATH_BYTES) {
        return sn_fail(err, SN_EUSAGE, "folder's path too long (%s); " SEE_HELP,
                       chosen->dir);
    }
    sn_status status = sn_dataset_probe(&spec, &shape, err);
    if (status != SN_OK) {
        return status;
    }
    size_t bytes;
    uint8_t *storage = sn_dataset_bytes(&shape, &bytes) ? sn_alloc(bytes, 1) : NULL;
    if (storage == NULL) {
        return sn_fail(
            err, SN_ENOMEM,
            "not enough memory (%s): the set does not fit; use a machine with "
            "more",
            spec.dir);
    }
    status = check_loaded(&spec, &shape, storage, err);
    free(storage);
    return status;
}

static const data_command commands[] = {
    {"synth", "--train --test --seed ", run_synth},
    {"fetch", "--from ", run_fetch},
    {"check", "", run_check},
};

static sn_status run_command(int argc, char **argv, sn_error *err)
{
    if (sn_job_asks_for_help(argc, argv)) {
        printf("%s", help_text);
        return SN_OK;
    }
    if (argc < 2) {
        return sn_fail(
            err, SN_EUSAGE,
            "missing argument (data): say synth, fetch, check or preview; " SEE_HELP);
    }
    if (strcmp(argv[1], "preview") == 0) {
        return sn_cmd_preview(argc - 1, argv + 1, err);
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            options chosen = {.train = SN_SYNTH_TRAIN_COUNT,
                              .test = SN_SYNTH_TEST_COUNT,
                              .seed = SN_SYNTH_SEED};
            sn_status status = parse(&commands[i], argc - 2, argv + 2, &chosen, err);
            return status == SN_OK ? commands[i].run(&chosen, err) : status;
        }
    }
    return sn_fail(
        err, SN_EUSAGE,
        "unknown command (data %s): say synth, fetch, check or preview; " SEE_HELP,
        argv[1]);
}

sn_status sn_cmd_data(int argc, char **argv, sn_error *err)
{
    sn_status status = run_command(argc, argv, err);
    if (status == SN_OK && (fflush(stdout) != 0 || ferror(stdout) != 0)) {
        status = sn_fail(err, SN_EIO,
                         "cannot write the results (standard output): the "
                         "device is full or closed");
    }
    return status;
}
