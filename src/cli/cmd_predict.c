/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/system/file.h"
#include "base/text/utf8.h"
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
    bool as_is, json, header, probabilities;
} arguments;

enum { BLOCK = 256 }; /* images that are predicted together */

/* The model and the options that all images share. */
typedef struct session {
    sn_model *model;
    sn_image_size size;
    bool warned; /* the warning about an assumed size is printed */
    bool named;  /* the path of the checkpoint is printed */
    bool as_is, json;
    float *probabilities; /* (BLOCK, classes); NULL if not wanted */
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

static void print_header(const session *now)
{
    fputs("file\tindex\tclass\tprobability\tsecond_class\tsecond_probability", stdout);
    for (size_t j = 0; now->probabilities != NULL && j < sn_model_classes(now->model);
         j++) {
        printf("\tprobability_%zu", j);
    }
    putchar('\n');
}

/* Prints the probabilities of all classes of an image, if they are wanted. */
static void print_probabilities(const session *now, size_t image, const char *separator)
{
    const size_t classes = sn_model_classes(now->model);
    for (size_t j = 0; now->probabilities != NULL && j < classes; j++) {
        printf("%s%.6f", j > 0 || !now->json ? separator : "",
               (double)now->probabilities[image * classes + j]);
    }
}

static void print_json(const session *now, const char *path, size_t index, size_t image,
                       const sn_prediction *found)
{
    fputs("{\"file\": ", stdout);
    sn_json_print_string(stdout, path);
    printf(", \"index\": %zu, \"class\": %zu, \"probability\": %.6f"
           ", \"second_class\": %zu, \"second_probability\": %.6f",
           index, found->best, found->best_probability, found->second,
           found->second_probability);
    if (now->probabilities != NULL) {
        fputs(", \"probabilities\": [", stdout);
        print_probabilities(now, image, ", ");
        putchar(']');
    }
    puts("}");
}

static void print_line(const session *now, const char *path, size_t index, size_t image,
                       const sn_prediction *found)
{
    print_name(path);
    printf("\t%zu\t%zu\t%.6f\t%zu\t%.6f", index, found->best, found->best_probability,
           found->second, found->second_probability);
    print_probabilities(now, image, "\t");
    putchar('\n');
}

static sn_status print_predictions(session *now, const char *path,
                                   const sn_images *images, sn_error *err)
{
    sn_prediction found[BLOCK];
    if (!now->named) {
        now->named = true;
        fprintf(stderr, "shardnet: checkpoint %s\n", now->model->found.path);
    }
    for (size_t first = 0; first < images->count; first += BLOCK) {
        const size_t left = images->count - first, count = left < BLOCK ? left : BLOCK;
        const sn_status status = sn_model_predict_all(
            now->model, images->pixels + first * sn_model_input(now->model), count,
            found, now->probabilities, err);
        if (status != SN_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            (now->json ? print_json : print_line)(now, path, first + i, i, &found[i]);
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

/* Loads the model, and allocates memory for the probabilities. */
static sn_status start(session *now, const arguments *given, sn_error *err)
{
    if (given->json && given->header) {
        return sn_options_refuse(&sn_command_predict, err,
                                 "--header does not go with --json");
    }
    sn_status status =
        sn_job_model(NULL, given->checkpoint, given->choice, &now->model, err);
    if (status == SN_OK) {
        status = find_size(now, given->data_dir, err);
    }
    if (status == SN_OK && given->probabilities) {
        now->probabilities =
            sn_alloc(sn_model_classes(now->model), BLOCK * sizeof(float));
        if (now->probabilities == NULL) {
            status = sn_fail(err, SN_ENOMEM, "predict: out of memory");
        }
    }
    return status;
}

/* Prints the error of status, if it is one, and sets *first unless it holds a failure.
 */
static void report(sn_status status, const sn_error *err, sn_status *first)
{
    if (status != SN_OK) {
        fflush(stdout);
        sn_job_report(status, err);
        *first = *first == SN_OK ? status : *first;
    }
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Predicts the files in a folder in the order of their names.  Ignores hidden files and
 * folders. */
static void predict_folder(session *now, const char *folder, sn_status *first)
{
    struct dirent **entries;
    sn_error err;
    size_t files = 0;
    const int count = scandir(folder, &entries, is_visible, alphasort);
    if (count < 0) {
        report(sn_fail(&err, SN_ENOINPUT, "cannot read folder (%s): %s", folder,
                       strerror(errno)),
               &err, first);
        return;
    }
    for (int i = 0; i < count; i++) {
        char path[SN_PATH_BYTES];
        sn_status status = sn_path_join(path, folder, entries[i]->d_name, &err);
        if (status != SN_OK || !sn_is_folder(path)) {
            files++;
            status = status == SN_OK ? predict_file(now, path, &err) : status;
            report(status, &err, first);
        }
        free(entries[i]);
    }
    free(entries);
    if (files == 0) {
        report(sn_fail(&err, SN_ENOINPUT, "no picture (%s): the folder has no files",
                       folder),
               &err, first);
    }
}

/* Prints a line of result or error for every image; returns the first failure. */
static sn_status predict_files(session *now, const sn_words *images, sn_error *err)
{
    sn_status first = SN_OK;
    for (size_t i = 0; i < images->count; i++) {
        const char *path = images->word[i];
        if (sn_is_folder(path)) {
            predict_folder(now, path, &first);
        } else {
            report(predict_file(now, path, err), err, &first);
        }
    }
    err->message[0] = '\0'; /* printed */
    return first;
}

static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    session now = {.as_is = given->as_is, .json = given->json};
    sn_status status = start(&now, given, err);
    if (status == SN_OK) {
        /* scripts run many processes at once; single images gain nothing from threads */
        sn_gemm_set_threads(1);
        if (given->header) {
            print_header(&now);
        }
        status = predict_files(&now, &given->images, err);
    }
    free(now.probabilities);
    sn_model_destroy(&now.model);
    return status;
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
        "files. A control character in a file name is printed as ?. --json prints "
        "objects with file, index, class, probability, second_class and "
        "second_probability; with --probabilities also probabilities, an array.\n\n"
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
              "content determines the format, not the name; or a folder of such files"),
          .many = true}},
    .options = {{SN_FLAG(
                    "as-is", as_is,
                    "do not prepare a PNG or PGM: it must have the model's image size, "
                    "with bright ink on black")},
                {SN_OPTION_CHECKPOINT},
                {SN_FLAG("header", header, "first print a line with column names")},
                {SN_FLAG("json", json, "print one JSON object per image and line")},
                {SN_FLAG("probabilities", probabilities,
                         "also print the probabilities of all classes, in order")},
                {SN_TEXT("data", "DIR", data_dir,
                         "folder of the training images, instead of data.dir in the "
                         "checkpoint's configuration; only their size is read")}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .run = run};
