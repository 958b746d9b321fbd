#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/job.h"
#include "eval/model.h"

typedef struct eval_arguments {
    const char *checkpoint;
    const char *data_dir;
    const char *split;
} eval_arguments;

static void print_help(void)
{
    printf(
        "usage: shardnet eval CHECKPOINT|RUN [--data DIR] "
        "[--split test|train|validation]\n\n"
        "Loss and accuracy of a checkpoint, or of the newest of a run.  Without --data "
        "the\ndata folder of its configuration is used.\n");
}

static sn_status parse(int argc, char **argv, eval_arguments *arguments, sn_error *err)
{
    sn_status status = SN_OK;
    bool ended = false;
    for (int i = 1; i < argc && status == SN_OK; i++) {
        const sn_word word = sn_job_word(argv[i], &ended);
        if (word == SN_WORD_END) {
            continue;
        }
        if (word == SN_WORD_OPTION && strcmp(argv[i], "--data") == 0) {
            status = sn_job_value(argc, argv, &i, &arguments->data_dir, err);
        } else if (word == SN_WORD_OPTION && strcmp(argv[i], "--split") == 0) {
            status = sn_job_value(argc, argv, &i, &arguments->split, err);
        } else if (word == SN_WORD_OPTION || arguments->checkpoint != NULL) {
            status = sn_fail(err, SN_EUSAGE,
                             "unexpected argument '%s'; see `shardnet eval "
                             "--help`",
                             argv[i]);
        } else {
            arguments->checkpoint = argv[i];
        }
    }
    if (status == SN_OK && arguments->checkpoint == NULL) {
        status = sn_fail(err, SN_EUSAGE,
                         "no CHECKPOINT or RUN given; see `shardnet eval "
                         "--help`");
    }
    const char *split = arguments->split;
    if (status == SN_OK && strcmp(split, "test") != 0 && strcmp(split, "train") != 0 &&
        strcmp(split, "validation") != 0) {
        status = sn_fail(err, SN_EUSAGE,
                         "unknown split '%s': test, train or validation", split);
    }
    return status;
}

static void print_result(const sn_model *model, const eval_arguments *arguments,
                         const sn_evaluation *evaluation)
{
    const bool synthetic =
        arguments->data_dir == NULL && model->spec.source == SN_SOURCE_SYNTHETIC;
    printf("checkpoint %s: epoch %" PRId64 ", step %" PRId64 "\n", model->path,
           model->info.progress.epoch, model->info.progress.step);
    const double accuracy =
        100.0 * (double)evaluation->correct / (double)evaluation->count;
    printf("%s: accuracy %.2f %%, error %.2f %% (%" PRId64 " of %" PRId64
           " correct), loss %.6f%s\n",
           arguments->split, accuracy, 100 - accuracy, evaluation->correct,
           evaluation->count, evaluation->loss,
           synthetic ? "; synthetic, not MNIST" : "");
}

static sn_split_name split_of(const char *name)
{
    return strcmp(name, "train") == 0        ? SN_SPLIT_TRAIN
           : strcmp(name, "validation") == 0 ? SN_SPLIT_VALIDATION
                                             : SN_SPLIT_TEST;
}

static sn_status body(sn_comm *comm, void *user, sn_error *err)
{
    const eval_arguments *arguments = user;
    sn_model *model;
    sn_evaluation evaluation;
    sn_status status = sn_job_model(comm, arguments->checkpoint, &model, err);
    if (status == SN_OK) {
        status = sn_model_evaluate(comm, model, arguments->data_dir,
                                   split_of(arguments->split), &evaluation, err);
    }
    if (status == SN_OK && sn_comm_rank(comm) == 0) {
        print_result(model, arguments, &evaluation);
    }
    sn_model_destroy(&model);
    return status;
}

sn_status sn_cmd_eval(int argc, char **argv, sn_error *err)
{
    if (sn_job_asks_for_help(argc, argv)) {
        if (sn_comm_launch_task() <= 0) {
            print_help();
        }
        return SN_OK;
    }
    eval_arguments arguments = {.split = "test"};
    sn_status status = parse(argc, argv, &arguments, err);
    return status == SN_OK ? sn_job_run(&argc, &argv, body, &arguments, err) : status;
}
