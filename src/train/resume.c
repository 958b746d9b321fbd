#include "train/resume.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool sn_resume_shape_matches(const sn_state *state, const sn_checkpoint *checkpoint,
                             const sn_checkpoint_info *info)
{
    const sn_model *model = &state->model;
    if (info->layers != (int64_t)model->layers) {
        return false;
    }
    for (int64_t l = 0; l < info->layers; l++) {
        int64_t in, out;
        sn_checkpoint_layer_shape(checkpoint, l, &in, &out);
        if (in != (int64_t)model->layer[l].in || out != (int64_t)model->layer[l].out) {
            return false;
        }
    }
    return true;
}

static void append_layers(char *text, size_t bytes, int64_t layers,
                          const sn_checkpoint *checkpoint, const sn_model *model)
{
    size_t used = 0;
    for (int64_t l = 0; l < layers && used < bytes; l++) {
        int64_t in, out;
        if (checkpoint != NULL) {
            sn_checkpoint_layer_shape(checkpoint, l, &in, &out);
        } else {
            in = (int64_t)model->layer[l].in;
            out = (int64_t)model->layer[l].out;
        }
        int written = l == 0 ? snprintf(text, bytes, "%" PRId64 "-%" PRId64, in, out)
                             : snprintf(text + used, bytes - used, "-%" PRId64, out);
        used += (size_t)written;
    }
}

static sn_status refuse(sn_error *err, const char *path, const char *what,
                        const char *theirs, const char *ours)
{
    return sn_fail(
        err, SN_ECONFIG,
        "resume (%s): the checkpoint has %s %s, this configuration %s; use the "
        "run's own config.ini, or another --out",
        path, what, theirs, ours);
}

/* A checkpoint continues only the run that it belongs to. */
static sn_status check_model(const sn_state *state, const char *path,
                             const sn_checkpoint *checkpoint,
                             const sn_checkpoint_info *info, sn_error *err)
{
    char theirs[512] = "", ours[512] = "";
    if (!sn_resume_shape_matches(state, checkpoint, info)) {
        append_layers(theirs, sizeof theirs, info->layers, checkpoint, NULL);
        append_layers(ours, sizeof ours, (int64_t)state->model.layers, NULL,
                      &state->model);
        return refuse(err, path, "the layers", theirs, ours);
    }
    const char *activation =
        sn_config_choice_name("model", "activation", state->config.model_activation);
    if (strcmp(info->activation, activation) != 0) {
        return refuse(err, path, "activation", info->activation, activation);
    }
    return SN_OK;
}

/* *choice, which the configuration leaves open, becomes the former one where that goes
 * with the rest of the configuration and with this build. */
static void keep_choice(sn_config *config, int *choice, int former)
{
    const int own = *choice;
    *choice = former;
    if (sn_config_check_all_but_data(config, NULL) != SN_OK) {
        *choice = own;
    }
}

/* What the run has measured once it keeps. */
static void keep_choices(sn_state *state, const sn_config *former)
{
    sn_config *config = &state->config;
    if (config->compute_backend == SN_BACKEND_AUTO) {
        keep_choice(config, &config->compute_backend, former->compute_backend);
    }
    if (config->comm_reduce == SN_REDUCE_AUTO &&
        former->comm_reduce != SN_REDUCE_REPRODUCIBLE) {
        keep_choice(config, &config->comm_reduce, former->comm_reduce);
    }
}

static sn_status check_run(sn_state *state, const char *path,
                           const sn_checkpoint_info *info, sn_error *err)
{
    char theirs[512], ours[512];
    const sn_dataset *data = &state->loaded.data;
    if (strcmp(info->train_digest, data->train_digest) != 0 ||
        info->train_count != (int64_t)data->train.count) {
        snprintf(theirs, sizeof theirs,
                 "training data of %" PRId64 " samples, digest "
                 "%.12s...,",
                 info->train_count, info->train_digest);
        snprintf(ours, sizeof ours, "%zu samples, digest %.12s...", data->train.count,
                 data->train_digest);
        return refuse(err, path, "other", theirs, ours);
    }
    if (info->progress.seed != (uint64_t)state->config.train_seed) {
        snprintf(theirs, sizeof theirs, "%" PRIu64, info->progress.seed);
        snprintf(ours, sizeof ours, "%" PRId64, state->config.train_seed);
        return refuse(err, path, "seed", theirs, ours);
    }
    sn_config *former = malloc(sizeof *former);
    if (former == NULL) {
        return sn_fail(err, SN_ENOMEM, "resume: out of memory");
    }
    sn_config_init(former);
    sn_status status = sn_config_parse(former, info->config_text, path, err);
    if (status == SN_OK) {
        keep_choices(state, former);
    } else {
        status = SN_EDATA;
    }
    if (status == SN_OK && former->train_batch != state->config.train_batch) {
        snprintf(theirs, sizeof theirs, "%" PRId64, former->train_batch);
        snprintf(ours, sizeof ours, "%" PRId64, state->config.train_batch);
        status = refuse(err, path, "the global batch", theirs, ours);
    } else if (status == SN_OK && former->comm_reduce == SN_REDUCE_REPRODUCIBLE &&
               (state->config.comm_reduce != former->comm_reduce ||
                state->config.comm_leaves != former->comm_leaves)) {
        snprintf(theirs, sizeof theirs, "reproducible with %" PRId64 " leaves,",
                 former->comm_leaves);
        snprintf(ours, sizeof ours, "%s with %" PRId64,
                 sn_config_choice_name("comm", "reduce", state->config.comm_reduce),
                 state->config.comm_leaves);
        status = refuse(err, path, "sums that are", theirs, ours);
    }
    free(former);
    return status;
}

sn_status sn_resume_restore(sn_state *state, const char *path, sn_error *err)
{
    sn_checkpoint *checkpoint = NULL;
    sn_checkpoint_info info = {0};
    sn_status status = sn_checkpoint_open(path, &checkpoint, &info, err);
    if (status == SN_OK) {
        status = check_model(state, path, checkpoint, &info, err);
    }
    if (status == SN_OK) {
        status = check_run(state, path, &info, err);
    }
    if (status == SN_OK) {
        status = sn_checkpoint_read(checkpoint, state->tensors, err);
    }
    if (status == SN_OK && (info.progress.epoch < 0 || info.progress.step < 0 ||
                            info.progress.step_in_epoch < 0 ||
                            info.progress.step_in_epoch >= state->steps_per_epoch)) {
        status = sn_fail(err, SN_EDATA, "checkpoint (%s): progress out of range", path);
    }
    if (status == SN_OK) {
        state->progress = info.progress;
        snprintf(state->checkpoint, sizeof state->checkpoint, "%s", path);
    }
    sn_checkpoint_close(&checkpoint);
    sn_checkpoint_info_clear(&info);
    return status;
}
