/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "dist/launch/launch.h"
#include "eval/model.h"

static const char *const splits[] = {[SN_SPLIT_TEST] = "test",
                                     [SN_SPLIT_TRAIN] = "train",
                                     [SN_SPLIT_VALIDATION] = "validation",
                                     NULL};

typedef struct arguments {
    const char *checkpoint, *choice;
    const char *data_dir;
    int split;
} arguments;

static void print_result(const sn_model *model, const arguments *given,
                         const sn_evaluation *evaluation)
{
    const bool synthetic =
        given->data_dir == NULL && model->spec.source == SN_SOURCE_SYNTHETIC;
    printf("checkpoint %s: epoch %" PRId64 ", step %" PRId64 "\n", model->found.path,
           sn_position_epoch(&model->info.position), model->info.position.step);
    char loss[SN_NUMBER_BYTES];
    const double accuracy =
        100.0 * (double)evaluation->correct / (double)evaluation->count;
    printf("%s: accuracy %.2f %%, error %.2f %% (%" PRId64 " of %" PRId64
           " correct), loss %s%s\n",
           splits[given->split], accuracy, 100 - accuracy, evaluation->correct,
           evaluation->count, sn_number_text(evaluation->loss, 6, loss),
           synthetic ? "; synthetic, not MNIST" : "");
}

static sn_status body(sn_comm *comm, const void *user, sn_error *err)
{
    const arguments *given = user;
    sn_model *model;
    sn_evaluation evaluation;
    sn_error notice = {""};
    sn_status status =
        sn_job_model(comm, given->checkpoint, given->choice, &model, err);
    if (status == SN_OK) {
        status = sn_model_evaluate_moved(comm, model, given->data_dir,
                                         (sn_split_name)given->split, &evaluation,
                                         &notice, err);
    }
    if (status == SN_OK && sn_comm_rank(comm) == 0) {
        sn_job_warn(&notice);
        print_result(model, given, &evaluation);
    }
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
        "path of the checkpoint. " SN_TEXT_RESULT,
    .operands = {{SN_OPERAND("CHECKPOINT|RUN", checkpoint,
                             "a checkpoint, or a run: its result")}},
    .options =
        {{SN_TEXT(
             "data", "DIR", data_dir,
             "data folder, instead of data.dir in the checkpoint's configuration; if that "
             "is missing, SHARDNET_DATA is used if it has the same training samples")},
         {SN_CHOICE("split", splits, split, "samples to evaluate (test)")},
         {SN_OPTION_CHECKPOINT}},
    .tasks = SN_TASKS_TOGETHER,
    .bytes = sizeof(arguments),
    .run = run};
