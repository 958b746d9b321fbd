/* A sheet of training digits beside what the configured distortions make of them. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "cli/print/png.h"
#include "config/config.h"
#include "data/augment.h"
#include "data/dataset.h"

#define SEE_HELP "see `shardnet data --help`"

enum {
    SIDE = 10, /* images along each side of a block */
    LINE = 1,  /* between images */
    GAP = 8,   /* between originals and distortions */
    GREY = 96, /* where no image is */
    SCALE = 3,
    EPOCH_MAX = 1000000
};

typedef struct options {
    const char *config, *out;
    const char **assignments; /* --set, in order */
    size_t assignment_count;
    uint32_t epoch; /* from 0, as training counts */
} options;

/* Both blocks, (height, width) pixels. */
typedef struct sheet {
    size_t rows, cols; /* of an image */
    size_t width, height;
    uint8_t *pixels;
} sheet;

static sn_status parse_epoch(const char *text, uint32_t *epoch, sn_error *err)
{
    const size_t length = strlen(text);
    uint32_t value = 0;
    if (length > 0 && length < 8 && strspn(text, "0123456789") == length) {
        value = (uint32_t)strtoul(text, NULL, 10);
    }
    if (value < 1 || value > EPOCH_MAX) {
        return sn_fail(err, SN_EUSAGE,
                       "wrong value (--epoch %s): it must be a whole number from 1 to "
                       "%d; " SEE_HELP,
                       text, EPOCH_MAX);
    }
    *epoch = value - 1;
    return SN_OK;
}

/* The value of option name at words[0], written "name value" or, for a long name,
 * "name=value"; NULL when the word is not this option. *used counts the words. */
static const char *value_of(const char *name, char **words, int left, int *used)
{
    const size_t length = strlen(name);
    if (strcmp(words[0], name) == 0) {
        *used = 2;
        return left < 2 ? "" : words[1];
    }
    *used = 1;
    const bool joined = name[1] == '-' && strncmp(words[0], name, length) == 0 &&
                        words[0][length] == '=';
    return joined ? words[0] + length + 1 : NULL;
}

static sn_status parse_word(char **words, int left, options *chosen, bool *ended,
                            int *used, sn_error *err)
{
    const char *value;
    const sn_word word = sn_job_word(words[0], ended);
    *used = 1;
    if (word == SN_WORD_END) {
        return SN_OK;
    }
    if (word == SN_WORD_OPERAND) {
        if (chosen->config != NULL) {
            return sn_fail(err, SN_EUSAGE,
                           "too many arguments (%s): `data preview` takes one "
                           "configuration; " SEE_HELP,
                           words[0]);
        }
        chosen->config = words[0];
        return SN_OK;
    }
    if ((value = value_of("--set", words, left, used)) != NULL) {
        chosen->assignments[chosen->assignment_count++] = value;
    } else if ((value = value_of("-o", words, left, used)) != NULL) {
        chosen->out = value;
    } else if ((value = value_of("--epoch", words, left, used)) != NULL) {
        return *used <= left ? parse_epoch(value, &chosen->epoch, err) : SN_OK;
    } else {
        return sn_fail(
            err, SN_EUSAGE,
            "unknown option (%s): `data preview` does not have it; " SEE_HELP,
            words[0]);
    }
    return SN_OK;
}

static sn_status parse(int argc, char **argv, options *chosen, sn_error *err)
{
    int used = 1;
    bool ended = false;
    for (int i = 1; i < argc; i += used) {
        sn_status status = parse_word(argv + i, argc - i, chosen, &ended, &used, err);
        if (status != SN_OK) {
            return status;
        }
        if (used > argc - i) {
            return sn_fail(err, SN_EUSAGE,
                           "option without a value (%s): one must follow; " SEE_HELP,
                           argv[i]);
        }
    }
    if (chosen->config == NULL || chosen->config[0] == '\0') {
        return sn_fail(
            err, SN_EUSAGE,
            "missing argument (data preview): it needs a configuration; " SEE_HELP);
    }
    if (chosen->out == NULL || chosen->out[0] == '\0') {
        return sn_fail(
            err, SN_EUSAGE,
            "missing option (data preview): name the picture with -o FILE; " SEE_HELP);
    }
    return SN_OK;
}

/* The data set's samples; *storage is the caller's to free. */
static sn_status load(const sn_config *config, uint8_t **storage, sn_dataset *data,
                      sn_error *err)
{
    const sn_dataset_spec spec = sn_config_dataset(config);
    static const char no_digest[SN_DIGEST_TEXT_BYTES] = "";
    sn_dataset_shape shape;
    size_t bytes;
    *storage = NULL;
    sn_status status = sn_dataset_probe(&spec, &shape, err);
    if (status == SN_OK) {
        status = sn_config_check_data(config, &shape, err);
    }
    if (status != SN_OK) {
        return status;
    }
    if (sn_dataset_bytes(&shape, &bytes)) {
        *storage = sn_alloc(bytes, 1);
    }
    if (*storage == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (%s): the set does not fit",
                       spec.dir);
    }
    status = sn_dataset_fill(&spec, &shape, *storage, err);
    return status == SN_OK
               ? sn_dataset_view(&spec, &shape, *storage, no_digest, data, err)
               : status;
}

/* SN_ENOMEM; the caller frees pixels. */
static sn_status sheet_init(sheet *drawn, const sn_dataset *data, sn_error *err)
{
    *drawn = (sheet){.rows = data->rows, .cols = data->cols};
    drawn->width = 2 * (SIDE * (data->cols + LINE) + LINE) + GAP;
    drawn->height = SIDE * (data->rows + LINE) + LINE;
    size_t bytes;
    if (sn_size_multiply(drawn->width, drawn->height, &bytes)) {
        drawn->pixels = sn_alloc(bytes, 1);
    }
    if (drawn->pixels == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (picture of %zu x %zu)",
                       drawn->width, drawn->height);
    }
    memset(drawn->pixels, GREY, bytes);
    return SN_OK;
}

/* Where row r of image i of a block (0: originals, 1: distortions) lies. */
static uint8_t *place(const sheet *drawn, size_t block, size_t i, size_t r)
{
    const size_t block_width = SIDE * (drawn->cols + LINE) + LINE;
    const size_t top = LINE + i / SIDE * (drawn->rows + LINE);
    const size_t left =
        block * (block_width + GAP) + LINE + i % SIDE * (drawn->cols + LINE);
    return drawn->pixels + (top + r) * drawn->width + left;
}

/* x (rows * cols) is scratch. */
static void draw_pair(const sheet *drawn, size_t i, sn_augment *augment, uint64_t seed,
                      uint32_t epoch, const uint8_t *image, float *x)
{
    const size_t cols = drawn->cols;
    sn_augment_apply(augment, seed, epoch, (uint32_t)i, image, x);
    for (size_t r = 0; r < drawn->rows; r++) {
        memcpy(place(drawn, 0, i, r), image + r * cols, cols);
        uint8_t *to = place(drawn, 1, i, r);
        for (size_t c = 0; c < cols; c++) {
            to[c] = (uint8_t)(255 * x[r * cols + c] + 0.5F);
        }
    }
}

static sn_status draw(const sn_config *config, uint32_t epoch, const sn_dataset *data,
                      sheet *drawn, sn_error *err)
{
    const sn_augment_spec spec = sn_config_augment(config);
    sn_augment *augment;
    sn_status status = sn_augment_create(&spec, data->rows, data->cols, &augment, err);
    if (status != SN_OK) {
        return status;
    }
    float *x = sn_alloc(data->features, sizeof *x);
    if (x == NULL) {
        status = sn_fail(err, SN_ENOMEM, "not enough memory (image of %zu x %zu)",
                         data->rows, data->cols);
    }
    const size_t places = (size_t)SIDE * SIDE;
    const size_t count = data->train.count < places ? data->train.count : places;
    for (size_t i = 0; status == SN_OK && i < count; i++) {
        draw_pair(drawn, i, augment, (uint64_t)config->train_seed, epoch,
                  data->train.images + i * data->features, x);
    }
    free(x);
    sn_augment_destroy(&augment);
    return status;
}

static sn_status preview(const options *chosen, const sn_config *config, sn_error *err)
{
    uint8_t *storage;
    sn_dataset data = {.rows = 0};
    sheet drawn = {.pixels = NULL};
    sn_status status = load(config, &storage, &data, err);
    if (status == SN_OK) {
        status = sheet_init(&drawn, &data, err);
    }
    if (status == SN_OK) {
        status = draw(config, chosen->epoch, &data, &drawn, err);
    }
    if (status == SN_OK) {
        status = sn_png_write(chosen->out, drawn.width, drawn.height, SCALE,
                              drawn.pixels, err);
    }
    if (status == SN_OK) {
        printf("wrote  %s  %zu x %zu, epoch %" PRIu32 ", augment.kind = %s\n",
               chosen->out, drawn.width * SCALE, drawn.height * SCALE,
               chosen->epoch + 1,
               sn_config_choice_name("augment", "kind", config->augment_kind));
    }
    free(drawn.pixels);
    free(storage);
    return status;
}

static sn_status run(int argc, char **argv, options *chosen, sn_config *config,
                     sn_error *err)
{
    sn_status status = parse(argc, argv, chosen, err);
    if (status == SN_OK) {
        status = sn_job_config(chosen->config, chosen->assignments,
                               chosen->assignment_count, config, err);
    }
    return status == SN_OK ? preview(chosen, config, err) : status;
}

sn_status sn_cmd_preview(int argc, char **argv, sn_error *err)
{
    options chosen = {.assignments =
                          calloc((size_t)argc + 1, sizeof *chosen.assignments)};
    sn_config *config = malloc(sizeof *config);
    sn_status status = chosen.assignments == NULL || config == NULL
                           ? sn_fail(err, SN_ENOMEM, "out of memory")
                           : run(argc, argv, &chosen, config, err);
    free(config);
    free(chosen.assignments);
    return status;
}
