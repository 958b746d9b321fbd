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

enum {
    SIDE = 10, /* images along each side of a block */
    LINE = 1,  /* between images */
    GAP = 8,   /* between originals and distortions */
    GREY = 96, /* where no image is */
    SCALE = 3
};

typedef struct arguments {
    const char *config, *out;
    sn_list set;
    uint64_t epoch; /* from 1 */
} arguments;

/* Both blocks, (height, width) pixels. */
typedef struct sheet {
    size_t rows, cols; /* of an image */
    size_t width, height;
    uint8_t *pixels;
} sheet;

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

static sn_status preview(const arguments *given, const sn_config *config, sn_error *err)
{
    static const char no_digest[SN_DIGEST_TEXT_BYTES] = "";
    const sn_dataset_spec spec = sn_config_dataset(config);
    sn_dataset_shape shape;
    uint8_t *storage;
    sn_dataset data = {0};
    sheet drawn = {.pixels = NULL};
    sn_status status = sn_job_data(&spec, no_digest, &shape, &storage, &data, err);
    if (status == SN_ECONFIG) {
        status = sn_config_check_data(config, &shape, err); /* it names the key */
    }
    if (status == SN_OK) {
        status = sheet_init(&drawn, &data, err);
    }
    if (status == SN_OK) {
        status = draw(config, (uint32_t)given->epoch - 1, &data, &drawn, err);
    }
    if (status == SN_OK) {
        status = sn_png_write(given->out, drawn.width, drawn.height, SCALE,
                              drawn.pixels, err);
    }
    if (status == SN_OK) {
        printf("wrote  %s  %zu x %zu, epoch %" PRIu64 ", augment.kind = %s\n",
               given->out, drawn.width * SCALE, drawn.height * SCALE, given->epoch,
               sn_config_choice_name("augment", "kind", config->augment_kind));
    }
    free(drawn.pixels);
    free(storage);
    return status;
}

static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    sn_config *config;
    sn_status status =
        sn_job_config(given->config, &given->set, sn_config_check, &config, err);
    if (status == SN_OK) {
        status = preview(given, config, err);
    }
    sn_config_destroy(&config);
    return status;
}

const sn_command sn_command_preview = {
    .name = "data preview",
    .summary = "draw training images beside their distortions",
    .text = "Writes a picture of 10 x 10 training images beside what the configured "
            "distortions make of them.",
    .operands = {{SN_OPERAND_CONFIG}},
    .options = {{SN_TEXT("output", "FILE.png", out, "the picture"), .letter = 'o',
                 .required = true},
                {SN_OPTION_SET},
                {SN_WHOLE("epoch", "N", 1, 1000000, epoch,
                          "the epoch whose distortions are drawn (1)")}},
    .tasks = SN_TASKS_FIRST,
    .bytes = sizeof(arguments),
    .defaults = &(const arguments){.epoch = 1},
    .run = run};
