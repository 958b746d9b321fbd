/* SPDX-License-Identifier: BSD-3-Clause */
/* Draws training images beside their distorted copies. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/mem.h"
#include "base/system/file.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "config/config.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "eval/loader.h"

/* Lengths in pixels of the picture, which shows a pixel of an image as SCALE x SCALE.
 */
enum {
    SIDE = 10, /* number of images along each side of a block */
    SCALE = 3,
    LINE = SCALE,      /* distance between images */
    GAP = 8 * SCALE,   /* distance between the blocks */
    GREY = 96,         /* background */
    SIDE_MAX = 1000000 /* limit of libpng */
};

typedef struct arguments {
    const char *config, *out;
    sn_list set;
    uint64_t epoch; /* from 1 */
} arguments;

/* The picture, (height, width) pixels: a block of originals, a block of copies. */
typedef struct sheet {
    size_t rows, cols; /* pixels of one image */
    size_t block;      /* width of a block */
    size_t width, height;
    uint8_t *pixels;
} sheet;

/* Allocates the picture; the caller frees pixels.  Errors: SN_ENOMEM. */
static sn_status sheet_init(sheet *drawn, const sn_dataset *data, sn_error *err)
{
    *drawn = (sheet){.rows = SCALE * data->rows, .cols = SCALE * data->cols};
    drawn->block = SIDE * (drawn->cols + LINE) + LINE;
    drawn->width = 2 * drawn->block + GAP;
    drawn->height = SIDE * (drawn->rows + LINE) + LINE;
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

/* Draws image i and its distorted copy; x (features of an image) is scratch. */
static void draw_pair(const sheet *drawn, size_t i, sn_augment *augment, uint64_t seed,
                      uint32_t epoch, const uint8_t *image, float *x)
{
    const size_t top = LINE + i / SIDE * (drawn->rows + LINE);
    const size_t left = LINE + i % SIDE * (drawn->cols + LINE);
    sn_augment_apply(augment, seed, epoch, (uint32_t)i, image, x);
    for (size_t r = 0; r < drawn->rows; r++) {
        uint8_t *original = drawn->pixels + (top + r) * drawn->width + left;
        uint8_t *distorted = original + drawn->block + GAP;
        for (size_t c = 0; c < drawn->cols; c++) {
            const size_t pixel = r / SCALE * (drawn->cols / SCALE) + c / SCALE;
            original[c] = image[pixel];
            distorted[c] = (uint8_t)(255 * x[pixel] + 0.5F);
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

/* Writes an 8-bit grey PNG to path.tmp and renames it. */
static sn_status write_png(const char *path, const sheet *drawn, sn_error *err)
{
    char temporary[SN_PATH_BYTES];
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)drawn->width,
                       .height = (png_uint_32)drawn->height,
                       .format = PNG_FORMAT_GRAY};
    if (drawn->width > SIDE_MAX || drawn->height > SIDE_MAX) {
        return sn_fail(err, SN_ERANGE,
                       "picture too large (%s): at most %d pixels per side", path,
                       SIDE_MAX);
    }
    if (sn_path_temporary(temporary, path, NULL) != SN_OK) {
        return sn_fail(err, SN_ECREATE, "cannot create (%s): the path is too long",
                       path);
    }
    /* rename would report this only as a failed write */
    if (sn_is_folder(path)) {
        return sn_fail(err, SN_ECREATE, "cannot create (%s): it is a folder", path);
    }
    FILE *file;
    sn_status status = sn_file_create(temporary, &file, err);
    if (status != SN_OK) {
        return status;
    }
    errno = 0;
    const bool good =
        png_image_write_to_stdio(&image, file, 0, drawn->pixels, 0, NULL) != 0;
    const int reason = errno;
    if (fclose(file) != 0 || !good) {
        status = sn_fail(err, SN_EIO, "cannot write (%s): %s", path,
                         good          ? strerror(errno)
                         : reason != 0 ? strerror(reason)
                                       : image.message);
    }
    return sn_file_publish_or_remove(status, temporary, path, err);
}

static sn_status preview(const arguments *given, const sn_config *config, sn_error *err)
{
    static const char no_digest[SN_DIGEST_TEXT_BYTES] = "";
    const sn_dataset_spec spec = sn_config_dataset(config);
    sn_dataset_shape shape;
    uint8_t *storage;
    sn_dataset data = {0};
    sheet drawn = {.pixels = NULL};
    sn_status status = sn_loader_read(&spec, no_digest, &shape, &storage, &data, err);
    if (status == SN_ECONFIG) {
        status =
            sn_config_check_data(config, &shape, err); /* this message names the key */
    }
    if (status == SN_OK) {
        status = sheet_init(&drawn, &data, err);
    }
    if (status == SN_OK) {
        status = draw(config, (uint32_t)given->epoch - 1, &data, &drawn, err);
    }
    if (status == SN_OK) {
        status = write_png(given->out, &drawn, err);
    }
    if (status == SN_OK) {
        printf("wrote  %s  %zu x %zu, epoch %" PRIu64 ", augment.kind = %s\n",
               given->out, drawn.width, drawn.height, given->epoch,
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
    .summary = "draw training images beside distorted copies",
    .text = "Writes a picture with the first 100 training images on the left and their "
            "distorted copies, by the keys of [augment], on the right.",
    .operands = {{SN_OPERAND_CONFIG}},
    .options = {{SN_TEXT("output", "FILE.png", out, "path of the picture"),
                 .letter = 'o', .required = true},
                {SN_OPTION_SET},
                {SN_INTEGER("epoch", "N", 1, 1000000, epoch,
                            "epoch of the distortions, from 1 (1)")}},
    .tasks = SN_TASKS_FIRST,
    .bytes = sizeof(arguments),
    .defaults = &(const arguments){.epoch = 1},
    .run = run};
