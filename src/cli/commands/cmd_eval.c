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
#include "eval/committee.h"
#include "eval/evaluate.h"
#include "eval/model.h"

static const char *const splits[] = {[SN_SPLIT_TEST] = "test",
                                     [SN_SPLIT_TRAIN] = "train",
                                     [SN_SPLIT_VALIDATION] = "validation",
                                     NULL};

typedef struct arguments {
    sn_words checkpoints;
    const char *choice, *data_dir;
    int split;
    bool json, confusion;
} arguments;

typedef struct result {
    const sn_model *model;
    const arguments *given;
    size_t members;
    sn_evaluation *evaluation; /* see sn_evaluate_committee */
    int64_t *confusion; /* (classes, classes): truth by row; NULL if not wanted */
} result;

static bool is_synthetic(const result *r)
{
    return r->given->data_dir == NULL && r->model->spec.source == SN_SOURCE_SYNTHETIC;
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
        const double error = sn_confusion_error(r->confusion, classes, i);
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

/* Prints "accuracy 98.40 %, error 1.60 % (9840 of 10000 correct), loss 0.051234". */
static void print_figures(const sn_evaluation *e)
{
    char loss[SN_NUMBER_BYTES];
    const double accuracy = 100.0 * (double)e->correct / (double)e->count;
    printf("accuracy %.2f %%, error %.2f %% (%" PRId64 " of %" PRId64
           " correct), loss %s",
           accuracy, 100 - accuracy, e->correct, e->count,
           sn_number_text(e->loss, 6, loss));
}

static void print_text(const result *r)
{
    const sn_evaluation *member = r->evaluation + 1; /* if there are several */
    for (const sn_model *m = r->model; m != NULL; m = m->next) {
        const sn_position *position = &m->info.position;
        printf("checkpoint %s: epoch %" PRId64 ", step %" PRId64, m->found.path,
               sn_position_epoch(position), position->step);
        if (r->members > 1) {
            fputs(": ", stdout);
            print_figures(member++);
        }
        putchar('\n');
    }
    printf("%s: ", splits[r->given->split]);
    print_figures(r->evaluation);
    if (r->members > 1) {
        printf("; mean of the probabilities of %zu networks", r->members);
    }
    puts(is_synthetic(r) ? "; synthetic, not MNIST" : "");
    if (r->confusion != NULL) {
        print_confusion(r);
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
        sn_json_print_number(stdout, sn_confusion_error(r->confusion, classes, i));
    }
    putchar(']');
}

/* Prints the members of an object that describe a model. */
static void print_json_model(const sn_model *model)
{
    const sn_position *position = &model->info.position;
    fputs("\"checkpoint\": ", stdout);
    sn_json_print_string(stdout, model->found.path);
    printf(", \"epoch\": %" PRId64 ", \"step\": %" PRId64, sn_position_epoch(position),
           position->step);
}

static void print_json_figures(const sn_evaluation *e)
{
    printf(", \"count\": %" PRId64 ", \"correct\": %" PRId64 ", \"error\": ", e->count,
           e->correct);
    sn_json_print_number(stdout, sn_evaluation_error(e));
    fputs(", \"loss\": ", stdout);
    sn_json_print_number(stdout, e->loss);
}

static void print_json(const result *r)
{
    const sn_evaluation *member = r->evaluation + 1; /* if there are several */
    putchar('{');
    if (r->members == 1) {
        print_json_model(r->model);
    } else {
        for (const sn_model *m = r->model; m != NULL; m = m->next) {
            fputs(m == r->model ? "\"members\": [{" : "}, {", stdout);
            print_json_model(m);
            print_json_figures(member++);
        }
        fputs("}]", stdout);
    }
    printf(", \"split\": \"%s\", \"synthetic\": %s", splits[r->given->split],
           is_synthetic(r) ? "true" : "false");
    print_json_figures(r->evaluation);
    if (r->confusion != NULL) {
        print_json_confusion(r);
    }
    puts("}");
}

/* Allocates the results. */
static sn_status allocate(sn_comm *comm, result *found, sn_error *err)
{
    const size_t classes = found->model->network.classes;
    sn_status status;
    found->members = sn_model_members(found->model);
    found->evaluation =
        sn_comm_allocate(comm, 1 + found->members, sizeof *found->evaluation,
                         "evaluation", &status, err);
    if (status == SN_OK && found->given->confusion) {
        found->confusion =
            sn_comm_allocate(comm, classes * classes, sizeof *found->confusion,
                             "confusion matrix", &status, err);
    }
    return status;
}

static sn_status body(sn_comm *comm, const void *user, sn_error *err)
{
    const arguments *given = user;
    const sn_split_name split = (sn_split_name)given->split;
    sn_model *model = NULL;
    result found = {.given = given};
    sn_error notice = {""};
    sn_status status =
        sn_job_models(comm, &given->checkpoints, given->choice, &model, err);
    if (status == SN_OK) {
        status = sn_committee_check_data(comm, model, given->data_dir, split, err);
    }
    if (status == SN_OK) {
        found.model = model;
        status = allocate(comm, &found, err);
    }
    if (status == SN_OK) {
        status =
            sn_model_evaluate_moved(comm, model, given->data_dir, split,
                                    found.evaluation, found.confusion, &notice, err);
    }
    if (status == SN_OK && sn_comm_rank(comm) == 0) {
        sn_job_warn(&notice);
        (given->json ? print_json : print_text)(&found);
    }
    free(found.evaluation);
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
        "path of the checkpoint. " SN_TEXT_RESULT
        " Several runs form a committee: eval prints the figures of each, and those of "
        "the mean of their probabilities. They need the same inputs, classes and data.\n\n"
        "--json prints checkpoint, epoch, step, split, synthetic, count, correct, error "
        "and loss; with --confusion also confusion, which has a row of counts for each "
        "true class, and class_error. Of several runs, members has checkpoint, epoch, "
        "step and the figures of each, and the other figures are those of the mean. "
        "Errors are fractions; a value that does not exist is null.",
    .operands = {{SN_OPERAND_RUNS}},
    .options =
        {{SN_OPTION_DATA},
         {SN_CHOICE("split", splits, split, "samples to evaluate (test)")},
         {SN_OPTION_CHECKPOINT},
         {SN_FLAG("confusion", confusion,
                  "also print how many samples of each class got each prediction, and "
                  "the error of each class")},
         {SN_FLAG("json", json, "print one JSON object instead of text")}},
    .tasks = SN_TASKS_TOGETHER,
    .bytes = sizeof(arguments),
    .run = run};
