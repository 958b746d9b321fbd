#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "eval/evaluate.h"
#include "eval/loader.h"
#include "eval/target.h"
#include "nn/products/gemm.h"

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

/* The data that the checkpoint's configuration names, on every rank. */
static sn_status find_data(sn_comm *comm, const eval_arguments *arguments,
                           const sn_checkpoint_info *info, const char *path,
                           sn_dataset_spec *spec, sn_error *err)
{
    sn_status status = SN_OK;
    if (sn_comm_rank(comm) == 0) {
        status = sn_job_dataset(info, path, spec, err);
        if (status == SN_OK && arguments->data_dir != NULL) {
            if (spec->source == SN_SOURCE_SYNTHETIC) {
                spec->source = SN_SOURCE_IDX;
            }
            if (strlen(arguments->data_dir) >= sizeof spec->dir) {
                status = sn_fail(err, SN_EUSAGE, "--data: path too long");
            } else {
                strcpy(spec->dir, arguments->data_dir);
            }
        }
    }
    status = sn_comm_agree(comm, status, err);
    return status == SN_OK ? sn_comm_broadcast(comm, spec, sizeof *spec, 0, err)
                           : status;
}

static sn_status check_fit(const sn_dataset *data, const sn_network *model,
                           sn_error *err)
{
    if (data->features != model->input || data->classes > model->classes) {
        return sn_fail(
            err, SN_EDATA,
            "data set: %zu features and %zu classes, but the model takes %zu "
            "and gives %zu",
            data->features, data->classes, model->input, model->classes);
    }
    return SN_OK;
}

static const sn_split *choose_split(const sn_dataset *data, const char *name)
{
    return strcmp(name, "train") == 0        ? &data->train
           : strcmp(name, "validation") == 0 ? &data->validation
                                             : &data->test;
}

/* Not collective: the same on every rank. */
static sn_status check_split(const sn_split *split, const char *name, sn_error *err)
{
    return split->count > 0
               ? SN_OK
               : sn_fail(err, SN_ECONFIG, "no samples (--split %s): %s", name,
                         strcmp(name, "validation") == 0
                             ? "the configuration of the checkpoint holds none out; "
                               "choose test or train"
                             : "the data set has none");
}

static sn_status evaluate(sn_comm *comm, const sn_network *model,
                          const float *parameters, const sn_split *split,
                          sn_evaluation *evaluation, sn_error *err)
{
    sn_node_cores cores = {0};
    sn_status status = sn_node_cores_find(comm, &cores, err);
    if (status != SN_OK) {
        return status;
    }
    sn_gemm_set_threads(cores.threads);
    sn_gemm_limit_loops(SN_BACKEND_AUTO);
    sn_workspace workspace = {0};
    status = sn_workspace_init(&workspace, model, SN_EVALUATION_ROWS, 0, err);
    float *x = sn_alloc(SN_EVALUATION_ROWS * model->input, sizeof *x);
    if (status == SN_OK && x == NULL) {
        status = sn_fail(err, SN_ENOMEM, "out of memory");
    }
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        status =
            sn_evaluate(comm, model, parameters, &workspace, x, split, evaluation, err);
    }
    free(x);
    sn_workspace_clear(&workspace, model);
    return status;
}

static void print_result(const char *path, const char *name,
                         const sn_checkpoint_info *info, const sn_dataset_spec *spec,
                         const sn_evaluation *evaluation)
{
    printf("checkpoint %s: epoch %" PRId64 ", step %" PRId64 "\n", path,
           info->progress.epoch, info->progress.step);
    const double accuracy =
        100.0 * (double)evaluation->correct / (double)evaluation->count;
    printf("%s: accuracy %.2f %%, error %.2f %% (%" PRId64 " of %" PRId64
           " correct), loss %.6f%s\n",
           name, accuracy, 100 - accuracy, evaluation->correct, evaluation->count,
           evaluation->loss,
           spec->source == SN_SOURCE_SYNTHETIC ? "; synthetic, not MNIST" : "");
}

/* The model of a checkpoint, or of the newest of a run; path is rank 0's. */
static sn_status load_model(sn_comm *comm, const char *target, char path[SN_PATH_BYTES],
                            sn_checkpoint_info *info, sn_network *model,
                            float **parameters, sn_error *err)
{
    sn_status status = SN_OK;
    int gone = 1;
    for (int i = 0; gone && i < SN_TARGET_TRIES; i++) {
        if (sn_comm_rank(comm) == 0) {
            status = sn_target_find(target, path, err);
        }
        status = sn_comm_agree(comm, status, err);
        if (status == SN_OK) {
            status = sn_loader_model(comm, path, info, model, parameters, err);
            gone = status != SN_OK && sn_target_has_gone(target, path);
        } else {
            gone = 0;
        }
        if (status == SN_OK || status == SN_EMPI) {
            return status;
        }
        const sn_status told = sn_comm_broadcast(comm, &gone, sizeof gone, 0, err);
        if (told != SN_OK) {
            return told;
        }
    }
    return status;
}

static sn_status body(sn_comm *comm, void *user, sn_error *err)
{
    const eval_arguments *arguments = user;
    char path[SN_PATH_BYTES] = "";
    sn_checkpoint_info info;
    sn_network model;
    float *parameters;
    sn_status status =
        load_model(comm, arguments->checkpoint, path, &info, &model, &parameters, err);
    if (status != SN_OK) {
        return status;
    }
    sn_dataset_spec spec = {0};
    sn_loaded loaded = {0};
    sn_evaluation evaluation;
    status = find_data(comm, arguments, &info, path, &spec, err);
    if (status == SN_OK) {
        status = sn_loader_data(comm, &spec, &loaded, err);
    }
    if (status == SN_OK) {
        status = sn_comm_agree(comm, check_fit(&loaded.data, &model, err), err);
    }
    if (status == SN_OK) {
        status = check_split(choose_split(&loaded.data, arguments->split),
                             arguments->split, err);
    }
    if (status == SN_OK) {
        status =
            evaluate(comm, &model, parameters,
                     choose_split(&loaded.data, arguments->split), &evaluation, err);
    }
    if (status == SN_OK && sn_comm_rank(comm) == 0) {
        print_result(path, arguments->split, &info, &spec, &evaluation);
    }
    sn_loaded_clear(&loaded);
    sn_checkpoint_info_clear(&info);
    sn_network_clear(&model);
    free(parameters);
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
