/* SPDX-License-Identifier: BSD-3-Clause */
/* Draws training images beside their distorted copies. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "cli/report/sheet.h"
#include "config/config.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "eval/loader.h"

enum { SIDE = 10, MIDDLE = 27 }; /* images along each side of a half, pixels between */

typedef struct arguments {
    const char *config, *out;
    sn_list set;
    uint64_t epoch; /* from 1 */
} arguments;

static sn_status draw(const sn_config *config, uint32_t epoch, const sn_dataset *data,
                      sn_sheet *drawn, sn_error *err)
{
    const sn_augment_spec spec = sn_config_augment(config);
    sn_augment *augment;
    sn_status status = sn_augment_create(&spec, data->rows, data->cols, &augment, err);
    if (status != SN_OK) {
        return status;
    }
    float *x = sn_alloc(data->features, sizeof *x);
    uint8_t *copy = sn_alloc(data->features, 1);
    if (x == NULL || copy == NULL) {
        status = sn_fail(err, SN_ENOMEM, "not enough memory (image of %zu x %zu)",
                         data->rows, data->cols);
    }
    const size_t places = (size_t)SIDE * SIDE;
    const size_t count = data->train.count < places ? data->train.count : places;
    for (size_t i = 0; status == SN_OK && i < count; i++) {
        const uint8_t *image = data->train.images + i * data->features;
        sn_augment_apply(augment, (uint64_t)config->train_seed, epoch, (uint32_t)i,
                         image, x);
        for (size_t pixel = 0; pixel < data->features; pixel++) {
            const float grey = 255 * x[pixel] + 0.5F; /* noise leaves 0 .. 255 */
            copy[pixel] = (uint8_t)(grey < 0 ? 0 : grey > 255 ? 255 : grey);
        }
        const size_t left = i / SIDE * 2 * SIDE + i % SIDE;
        sn_sheet_draw(drawn, left, image);
        sn_sheet_draw(drawn, left + SIDE, copy);
    }
    free(copy);
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
    sn_sheet drawn = {.pixels = NULL};
    sn_status status = sn_loader_read(&spec, no_digest, &shape, &storage, &data, err);
    if (status == SN_ECONFIG) {
        status =
            sn_config_check_data(config, &shape, err); /* this message names the key */
    }
    if (status == SN_OK) {
        sn_sheet_layout layout =
            sn_sheet_contact(data.rows, data.cols, (size_t)2 * SIDE, SIDE);
        layout.middle = MIDDLE;
        status = sn_sheet_init(&drawn, &layout, err);
    }
    if (status == SN_OK) {
        status = draw(config, (uint32_t)given->epoch - 1, &data, &drawn, err);
    }
    if (status == SN_OK) {
        status = sn_sheet_write(&drawn, given->out, err);
    }
    if (status == SN_OK) {
        printf("wrote  %s  %zu x %zu, epoch %" PRIu64 ", augment.kind = %s\n",
               given->out, drawn.width, drawn.height, given->epoch,
               sn_config_choice_name("augment", "kind", config->augment_kind));
    }
    sn_sheet_clear(&drawn);
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
