/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text/number.h"
#include "base/text/utf8.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "dist/launch/launch.h"
#include "eval/evaluate.h"
#include "eval/model.h"

static const char *const splits[] = {[SN_SPLIT_TEST] = "test",
                                     [SN_SPLIT_TRAIN] = "train",
                                     [SN_SPLIT_VALIDATION] = "validation",
                                     NULL};

typedef struct arguments {
    const char *checkpoint, *choice;
    const char *data_dir;
    int split;
    bool json, confusion;
} arguments;

typedef struct result {
    const sn_model *model;
    const arguments *given;
    sn_evaluation evaluation;
    int64_t *confusion; /* (classes, classes): truth by row; NULL if not wanted */
} result;

static bool is_synthetic(const result *r)
{
    return r->given->data_dir == NULL && r->model->spec.source == SN_SOURCE_SYNTHETIC;
}

/* Returns the share of wrong predictions among the samples of a class; NAN if the split
 * has none. */
static double class_error(const result *r, size_t truth)
{
    const size_t classes = r->model->network.classes;
    const int64_t *row = r->confusion + truth * classes;
    int64_t count = 0;
    for (size_t j = 0; j < classes; j++) {
        count += row[j];
    }
    return count > 0 ? (double)(count - row[truth]) / (double)count : NAN;
}

static void print_confusion(const result *r)
{
    const size_t classes = r->model->network.classes;
    printf("samples of each class (rows) by prediction (columns)\n%5s", "");
    for (size_t j = 0; j < classes; j++) {
        printf(" %6zu", j);
    }
    puts("    error");
    for (size_t i = 0; i < classes; i++) {
        const double error = class_error(r, i);
        printf("%5zu", i);
        for (size_t j = 0; j < classes; j++) {
            printf(" %6" PRId64, r->confusion[i * classes + j]);
        }
        if (isnan(error)) {
            puts("        -");
        } else {
            printf(" %6.2f %%\n", 100 * error);
        }
    }
}

static void print_text(const result *r)
{
    const sn_evaluation *e = &r->evaluation;
    const sn_position *position = &r->model->info.position;
    char loss[SN_NUMBER_BYTES];
    const double accuracy = 100.0 * (double)e->correct / (double)e->count;
    printf("checkpoint %s: epoch %" PRId64 ", step %" PRId64 "\n", r->model->found.path,
           sn_position_epoch(position), position->step);
    printf("%s: accuracy %.2f %%, error %.2f %% (%" PRId64 " of %" PRId64
           " correct), loss %s%s\n",
           splits[r->given->split], accuracy, 100 - accuracy, e->correct, e->count,
           sn_number_text(e->loss, 6, loss),
           is_synthetic(r) ? "; synthetic, not MNIST" : "");
    if (r->confusion != NULL) {
        print_confusion(r);
    }
}

/* Prints value, or null if it is not finite. */
static void print_number(double value)
{
    if (isfinite(value)) {
        printf("%.9g", value);
    } else {
        fputs("null", stdout);
    }
}

static void print_json_confusion(const result *r)
{
    const size_t classes = r->model->network.classes;
    for (size_t i = 0; i < classes; i++) {
        fputs(i == 0 ? ", \"confusion\": [[" : "], [", stdout);
        for (size_t j = 0; j < classes; j++) {
            printf("%s%" PRId64, j > 0 ? ", " : "", r->confusion[i * classes + j]);
        }
    }
    for (size_t i = 0; i < classes; i++) {
        fputs(i == 0 ? "]], \"class_error\": [" : ", ", stdout);
        print_number(class_error(r, i));
    }
    putchar(']');
}

static void print_json(const result *r)
{
    const sn_evaluation *e = &r->evaluation;
    const sn_position *position = &r->model->info.position;
    fputs("{\"checkpoint\": ", stdout);
    sn_json_print_string(stdout, r->model->found.path);
    printf(", \"epoch\": %" PRId64 ", \"step\": %" PRId64 ", \"split\": \"%s\""
           ", \"synthetic\": %s, \"count\": %" PRId64 ", \"correct\": %" PRId64
           ", \"error\": ",
           sn_position_epoch(position), position->step, splits[r->given->split],
           is_synthetic(r) ? "true" : "false", e->count, e->correct);
    print_number(sn_evaluation_error(e));
    fputs(", \"loss\": ", stdout);
    print_number(e->loss);
    if (r->confusion != NULL) {
        print_json_confusion(r);
    }
    puts("}");
}

static sn_status body(sn_comm *comm, const void *user, sn_error *err)
{
    const arguments *given = user;
    sn_model *model;
    result found = {.given = given};
    sn_error notice = {""};
    sn_status status =
        sn_job_model(comm, given->checkpoint, given->choice, &model, err);
    if (status == SN_OK && given->confusion) {
        const size_t classes = model->network.classes;
        found.confusion =
            sn_comm_allocate(comm, classes * classes, sizeof *found.confusion,
                             "confusion matrix", &status, err);
    }
    if (status == SN_OK) {
        found.model = model;
        status = sn_model_evaluate_moved(comm, model, given->data_dir,
                                         (sn_split_name)given->split, &found.evaluation,
                                         found.confusion, &notice, err);
    }
    if (status == SN_OK && sn_comm_rank(comm) == 0) {
        sn_job_warn(&notice);
        (given->json ? print_json : print_text)(&found);
    }
    free(found.confusion);
    sn_model_destroy(&model);
    return status;
}

static sn_status run(const void *given, sn_error *err)
{
    sn_launch_alone(); /* it writes no file, so that tasks do not disturb each other */
    return sn_job_run(body, given, err);
}

const sn_command sn_command_eval = {
    .name = "eval",
    .summary = "print loss and accuracy of a checkpoint; alone or under mpirun",
    .text =
        "Prints loss and accuracy of a checkpoint, or of the result of a run, and the "
        "path of the checkpoint. " SN_TEXT_RESULT "\n\n"
        "--json prints checkpoint, epoch, step, split, synthetic, count, correct, error "
        "and loss; with --confusion also confusion, which has a row of counts for each "
        "true class, and class_error. Errors are fractions; a value that does not exist "
        "is null.",
    .operands = {{SN_OPERAND("CHECKPOINT|RUN", checkpoint,
                             "a checkpoint, or a run: its result")}},
    .options =
        {{SN_TEXT(
             "data", "DIR", data_dir,
             "data folder, instead of data.dir in the checkpoint's configuration; if that "
             "is missing, SHARDNET_DATA is used if it has the same training samples")},
         {SN_CHOICE("split", splits, split, "samples to evaluate (test)")},
         {SN_OPTION_CHECKPOINT},
         {SN_FLAG("confusion", confusion,
                  "also print how many samples of each class got each prediction, and "
                  "the error of each class")},
         {SN_FLAG("json", json, "print one JSON object instead of text")}},
    .tasks = SN_TASKS_TOGETHER,
    .bytes = sizeof(arguments),
    .run = run};
