/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "data/dataset.h"
#include "data/formats/image.h"
#include "data/formats/prepare.h"
#include "eval/model.h"
#include "eval/moved.h"
#include "nn/products/gemm.h"

typedef struct arguments {
    const char *checkpoint, *choice, *data_dir;
    sn_words images;
    bool as_is;
} arguments;

/* The model and the options that all images share. */
typedef struct session {
    sn_model *model;
    sn_image_size size;
    bool warned; /* the warning about an assumed size is printed */
    bool named;  /* the path of the checkpoint is printed */
    bool as_is;
} session;

/* Sets the size of the model's images, which for idx is in the training images. */
static sn_status find_size(session *now, const char *data_dir, sn_error *err)
{
    sn_dataset_spec *spec = &now->model->spec;
    sn_error notice = {""}, ignored;
    if (data_dir != NULL) {
        const sn_status status = sn_path_format(spec->dir, err, "%s", data_dir);
        if (status != SN_OK) {
            return status;
        }
    } else if (spec->source == SN_SOURCE_IDX &&
               sn_moved_find(&now->model->info, spec, &notice, &ignored) == SN_OK) {
        sn_job_warn(&notice);
    }
    now->size = sn_dataset_image_size(spec, sn_model_input(now->model));
    return SN_OK;
}

/* Checks that the model's image size is known, which a PNG or PGM needs. */
static sn_status need_size(session *now, sn_error *err)
{
    if (now->size.rows == 0) {
        return sn_fail(err, SN_EDATA,
                       "image size unknown (%s): the model has %zu inputs, which is no "
                       "square, and its training images are missing in %s; give their "
                       "folder with --data DIR, or an IDX file",
                       now->model->found.path, sn_model_input(now->model),
                       now->model->spec.dir);
    }
    if (!now->size.recorded && !now->warned) {
        now->warned = true;
        fprintf(stderr,
                "shardnet: warning: image size (%s): assuming %zu x %zu, because the "
                "model's training images are missing in %s\n",
                now->model->found.path, now->size.rows, now->size.cols,
                now->model->spec.dir);
    }
    return SN_OK;
}

static sn_status check_size(const session *now, const char *path,
                            const sn_images *images, sn_error *err)
{
    const sn_image_size *size = &now->size;
    const bool compares = size->recorded || images->kind != SN_IMAGE_IDX;
    const bool fits = compares
                          ? images->rows == size->rows && images->cols == size->cols
                          : images->rows * images->cols == sn_model_input(now->model);
    if (fits) {
        return SN_OK;
    }
    char wanted[64];
    if (size->rows > 0) {
        snprintf(wanted, sizeof wanted, "%zu x %zu", size->rows, size->cols);
    } else {
        snprintf(wanted, sizeof wanted, "%zu pixels", sn_model_input(now->model));
    }
    return sn_fail(
        err, SN_EDATA, "wrong image size (%s): %zu x %zu, but the model needs %s; %s",
        path, images->rows, images->cols, wanted,
        images->kind == SN_IMAGE_IDX ? "give PNG or PGM files" : "leave out --as-is");
}

/* Converts the picture in images to the size and form of the model's images. */
static sn_status prepare(const session *now, const char *path, sn_images *images,
                         sn_error *err)
{
    const size_t rows = now->size.rows, cols = now->size.cols;
    uint8_t *made = sn_alloc(rows * cols, 1);
    if (made == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (%s)", path);
    }
    const sn_status status = sn_prepare(path, images->pixels, images->rows,
                                        images->cols, made, rows, cols, err);
    free(images->pixels);
    images->rows = rows;
    images->cols = cols;
    images->pixels = made;
    return status;
}

static void print_name(const char *name)
{
    for (; *name != '\0'; name++) {
        putchar((unsigned char)*name < ' ' || *name == 127 ? '?' : *name);
    }
}

static sn_status print_predictions(session *now, const char *path,
                                   const sn_images *images, sn_error *err)
{
    enum { LINES = 256 };
    sn_prediction lines[LINES];
    if (!now->named) {
        now->named = true;
        fprintf(stderr, "shardnet: checkpoint %s\n", now->model->found.path);
    }
    for (size_t first = 0; first < images->count; first += LINES) {
        const size_t left = images->count - first, count = left < LINES ? left : LINES;
        const sn_status status = sn_model_predict(
            now->model, images->pixels + first * sn_model_input(now->model), count,
            lines, err);
        if (status != SN_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            print_name(path);
            printf("\t%zu\t%zu\t%.6f\t%zu\t%.6f\n", first + i, lines[i].best,
                   lines[i].best_probability, lines[i].second,
                   lines[i].second_probability);
        }
    }
    return SN_OK;
}

static sn_status predict_file(session *now, const char *path, sn_error *err)
{
    sn_images images;
    sn_status status = sn_image_read(path, &images, err);
    if (status == SN_OK && images.kind != SN_IMAGE_IDX) {
        status = need_size(now, err);
    }
    if (status == SN_OK) {
        status = images.kind == SN_IMAGE_IDX || now->as_is
                     ? check_size(now, path, &images, err)
                     : prepare(now, path, &images, err);
    }
    if (status == SN_OK) {
        status = print_predictions(now, path, &images, err);
    }
    sn_image_clear(&images);
    return status;
}

/* Prints a line of result or error for every image; returns the first failure. */
static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    session now = {.as_is = given->as_is};
    sn_status first =
        sn_job_model(NULL, given->checkpoint, given->choice, &now.model, err);
    if (first != SN_OK) {
        return first;
    }
    first = find_size(&now, given->data_dir, err);
    if (first != SN_OK) {
        sn_model_destroy(&now.model);
        return first;
    }
    /* scripts run many processes at once; single images gain nothing from threads */
    sn_gemm_set_threads(1);
    for (size_t i = 0; i < given->images.count; i++) {
        const sn_status status = predict_file(&now, given->images.word[i], err);
        if (status != SN_OK) {
            fflush(stdout);
            sn_job_report(status, err);
            first = first == SN_OK ? status : first;
        }
    }
    err->message[0] = '\0'; /* printed */
    sn_model_destroy(&now.model);
    return first;
}

const sn_command sn_command_predict = {
    .name = "predict",
    .summary = "print the predicted class of each image",
    .text =
        "Predicts the class of each image with a checkpoint, or with the result of a "
        "run. " SN_TEXT_RESULT " Prints the path of the checkpoint to stderr and one "
        "line per image to stdout, with six columns separated by tabs:\n"
        "    FILE  INDEX  CLASS  PROBABILITY  SECOND_CLASS  SECOND_PROBABILITY\n"
        "INDEX is the number of the image in an IDX file, from 0, and 0 for other "
        "files. A control character in a file name is printed as ?.\n\n"
        "A PNG or PGM, which should show one digit with a margin around it, is "
        "prepared like MNIST: the ink, dark on bright or bright on dark, is cut out, "
        "scaled to 20/28 of the model's image size, and centred by its centre of mass. "
        "Images of IDX files are not changed and must have the model's image size. For "
        "a model of other data than MNIST, this size is read from its training images; "
        "if they are missing, the image is assumed to be square.\n\n"
        "For an image that cannot be used, an error is printed to stderr, and the "
        "other images are still predicted. The exit code is that of the first error: "
        "65 malformed, no ink or wrong size, 66 not found.",
    .operands =
        {{SN_OPERAND("CHECKPOINT|RUN", checkpoint,
                     "a checkpoint, or a run: its result")},
         {SN_OPERAND(
              "IMAGE", images,
              "a PNG, a PGM (P2 or P5), or an IDX file of images, plain or gzip; the "
              "content determines the format, not the name"),
          .many = true}},
    .options = {{SN_FLAG(
                    "as-is", as_is,
                    "do not prepare a PNG or PGM: it must have the model's image size, "
                    "with bright ink on black")},
                {SN_OPTION_CHECKPOINT},
                {SN_TEXT("data", "DIR", data_dir,
                         "folder of the training images, instead of data.dir in the "
                         "checkpoint's configuration; only their size is read")}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .run = run};
