/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/system/file.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "cli/predict/doubts.h"
#include "cli/predict/inputs.h"
#include "cli/predict/output.h"
#include "data/source/source.h"
#include "eval/model.h"
#include "nn/products/gemm.h"

typedef struct arguments {
    const char *checkpoint, *choice, *data_dir;
    sn_words images;
    bool as_is, json, header, probabilities;
} arguments;

enum { BLOCK = 256 }; /* images that are predicted together */

/* The model and what all images share. */
typedef struct session {
    sn_model *model;
    bool named; /* the path of the checkpoint is printed */
    sn_inputs inputs;
    sn_output output;
    float *probabilities; /* (BLOCK, classes); NULL if not wanted */
} session;

/* Predicts the images of the file at path and prints the results.  known has the doubts
 * that the preparation of the picture found. */
static sn_status print_predictions(session *now, const char *path,
                                   const sn_images *images, int known, sn_error *err)
{
    sn_prediction found[BLOCK];
    if (!now->named) {
        now->named = true;
        for (const sn_model *m = now->model; m != NULL; m = m->next) {
            fprintf(stderr, "shardnet: checkpoint %s\n", m->found.path);
        }
    }
    for (size_t first = 0; first < images->count; first += BLOCK) {
        const size_t left = images->count - first, count = left < BLOCK ? left : BLOCK;
        sn_status status = sn_model_predict_all(
            now->model, images->pixels + first * sn_model_input(now->model), count,
            found, now->probabilities, err);
        for (size_t i = 0; status == SN_OK && i < count; i++) {
            int doubts = 0;
            if (now->output.json || images->kind != SN_IMAGE_IDX) {
                status = sn_doubts_find(path, images, first + i, &found[i], known,
                                        &doubts, err);
            }
            if (status == SN_OK) {
                sn_output_print(&now->output, path, first + i, i, &found[i], doubts);
            }
        }
        if (status != SN_OK) {
            return status;
        }
    }
    return SN_OK;
}

/* path is - for standard input. */
static sn_status predict_file(session *now, const char *path, sn_error *err)
{
    sn_images images;
    bool edge;
    sn_status status = sn_inputs_read(&now->inputs, path, &images, &edge, err);
    if (status == SN_OK) {
        status = print_predictions(now, path, &images, edge ? SN_DOUBT_FRAME : 0, err);
    }
    sn_image_clear(&images);
    return status;
}

/* Returns the number of words that name further members of the committee.  These are the
 * words before `--` if images follow it; otherwise there are none. */
static size_t members_of(const arguments *given)
{
    const sn_words *words = &given->images;
    return words->marked < words->count ? words->marked : 0;
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
    for (size_t i = 0; i < members_of(given) && status == SN_OK; i++) {
        status =
            sn_job_model(NULL, given->images.word[i], given->choice, &now->model, err);
    }
    if (status == SN_OK) {
        now->output =
            (sn_output){.json = given->json, .classes = sn_model_classes(now->model)};
        status = sn_inputs_init(&now->inputs, now->model, given->data_dir, given->as_is,
                                err);
    }
    if (status == SN_OK && given->probabilities) {
        now->probabilities =
            sn_alloc(sn_model_classes(now->model), BLOCK * sizeof(float));
        if (now->probabilities == NULL) {
            status = sn_fail(err, SN_ENOMEM, "predict: out of memory");
        }
        now->output.probabilities = now->probabilities;
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

/* Predicts the files in a folder in the order of their names.  Ignores folders and the
 * names that sn_source_list excludes. */
static void predict_folder(session *now, const char *folder, sn_status *first)
{
    char **names;
    sn_error err;
    size_t files = 0, count;
    sn_status status = sn_source_list(folder, &names, &count, &err);
    if (status != SN_OK) {
        report(status, &err, first);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char path[SN_PATH_BYTES];
        status = sn_path_join(path, folder, names[i], &err);
        if (status != SN_OK || !sn_is_folder(path)) {
            files++;
            status = status == SN_OK ? predict_file(now, path, &err) : status;
            report(status, &err, first);
        }
    }
    sn_source_free_names(names, count);
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
    report(sn_job_flush(err), err, &first);
    err->message[0] = '\0'; /* printed */
    return first;
}

static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    session now = {.model = NULL};
    sn_status status = start(&now, given, err);
    if (status == SN_OK) {
        /* scripts run many processes at once; single images gain nothing from threads */
        sn_gemm_set_threads(1);
        if (given->header) {
            sn_output_header(&now.output);
        }
        const size_t members = members_of(given);
        const sn_words images = {.count = given->images.count - members,
                                 .word = given->images.word + members};
        status = predict_files(&now, &images, err);
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
        "run. " SN_TEXT_RESULT " Several runs before `--`, as in `predict RUN RUN -- "
        "IMAGE`, form a committee: the result is the mean of their probabilities. "
        "Prints the path of the checkpoint to stderr and one "
        "line per image to stdout, with six columns separated by tabs:\n"
        "    FILE  INDEX  CLASS  PROBABILITY  SECOND_CLASS  SECOND_PROBABILITY\n"
        "INDEX is the number of the image in an IDX file, from 0, and 0 for other "
        "files. A control character in a file name is printed as ?. --json prints "
        "objects with file, index, class, probability, second_class, "
        "second_probability and warnings, an array; with --probabilities also "
        "probabilities, an array.\n\n"
        "A picture (PNG, JPEG, PGM), which should show one digit with a margin around "
        "it, is prepared like MNIST: the ink, dark on bright or bright on dark, is cut out, "
        "scaled to 20/28 of the model's image size, and centred by its centre of mass. "
        "Images of IDX files are not changed and must have the model's image size. For "
        "a model of other data than MNIST, this size is read from its training images; "
        "if they are missing, the image is assumed to be square.\n\n"
        "Warnings go to stderr: \"two shapes\" if a picture seems to show two digits; "
        "\"frame\" if ink lies along its edges; \"unsure\" if the probability of the "
        "class is below 0.5. Only --json prints those about images of an IDX file.\n\n"
        "For an image that cannot be used, an error is printed to stderr, and the "
        "other images are still predicted. The exit code is that of the first error: "
        "65 malformed, no ink or wrong size, 66 not found.",
    .operands =
        {{SN_OPERAND("CHECKPOINT|RUN", checkpoint,
                     "a checkpoint, or a run: its result")},
         {SN_OPERAND(
              "IMAGE", images,
              "a PNG, a JPEG, a PGM (P2 or P5), or an IDX file of images, plain or "
              "gzip; the content determines the format, not the name; or a folder of "
              "such files; or -, one picture from standard input"),
          .many = true}},
    .options = {{SN_FLAG(
                    "as-is", as_is,
                    "do not prepare a picture: it must have the model's image size, "
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
