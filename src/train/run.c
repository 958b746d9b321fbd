#include "train/run.h"

#include <stdlib.h>
#include <string.h>

#include "shardnet/batch.h"
#include "shardnet/clock.h"
#include "shardnet/init.h"
#include "shardnet/version.h"
#include "train/progress.h"
#include "train/resume.h"

static sn_status describe(sn_state *state, sn_checkpoint_info *info, sn_error *err)
{
    *info = (sn_checkpoint_info){.input = (int64_t)state->model.input,
                                 .classes = (int64_t)state->model.classes,
                                 .layers = (int64_t)state->model.layers,
                                 .input_scale = SN_INPUT_SCALE,
                                 .train_count = (int64_t)state->loaded.data.train.count,
                                 .progress = state->progress};
    const sn_config *config = &state->config;
    snprintf(info->program_version, sizeof info->program_version, "%s",
             SN_VERSION_TEXT);
    snprintf(info->activation, sizeof info->activation, "%s",
             sn_config_choice_name("model", "activation", config->model_activation));
    snprintf(info->data_source, sizeof info->data_source, "%s",
             sn_config_choice_name("data", "source", config->data_source));
    snprintf(info->train_digest, sizeof info->train_digest, "%s",
             state->loaded.data.train_digest);
    sn_activation_scales((sn_activation)config->model_activation,
                         &info->activation_scale_out, &info->activation_scale_in);
    info->config_text = sn_config_text(config);
    if (info->config_text == NULL) {
        return sn_fail(err, SN_ENOMEM, "checkpoint: out of memory");
    }
    return SN_OK;
}

/* Rank 0: writes one checkpoint file. */
static sn_status write_file(sn_state *state, const char *path, sn_error *err)
{
    sn_checkpoint_info info;
    sn_status status = describe(state, &info, err);
    if (status == SN_OK) {
        status = sn_checkpoint_write(path, &info, state->tensors, err);
        sn_checkpoint_info_clear(&info);
    }
    return status;
}

/* A write that failed is a warning while the run can go on without it. */
static sn_status forgive(sn_state *state, sn_status status, bool final, sn_error *err)
{
    const bool may_retry = status == SN_EIO || status == SN_ECREATE;
    if (may_retry && !final) {
        sn_progress_warn(state, "%s; training goes on, the next interval tries again",
                         err->message);
        return SN_OK;
    }
    return may_retry ? SN_EIO : status;
}

static sn_status write_rotated(sn_state *state, char path[SN_PATH_BYTES], sn_error *err)
{
    char folder[SN_PATH_BYTES];
    sn_status status = sn_path_join(folder, state->options->run, "checkpoints", err);
    if (status == SN_OK) {
        status = sn_folder_create(folder, err);
    }
    if (status == SN_OK) {
        status =
            sn_checkpoint_path(path, state->options->run, state->progress.step, err);
    }
    if (status == SN_OK) {
        status = write_file(state, path, err);
    }
    if (status == SN_OK) {
        status = sn_checkpoint_rotate(state->options->run,
                                      (size_t)state->config.checkpoint_keep, err);
    }
    return status;
}

sn_status sn_run_checkpoint(sn_state *state, bool final, sn_error *err)
{
    /* metrics first: rows beyond the newest checkpoint are cut on resume, rows missing
     * before it could not be made up.  Metrics that cannot be written cost no weights.
     */
    const sn_status metrics = sn_run_flush_metrics(state, final, err);
    if (metrics == SN_EMPI || state->checkpoint_step == state->progress.step) {
        return metrics;
    }
    const sn_error metrics_error = *err;
    char path[SN_PATH_BYTES] = "";
    sn_status written = SN_OK;
    if (state->rank == 0) {
        written = write_rotated(state, path, err);
    }
    written = sn_comm_agree(state->comm, written, err);
    if (written == SN_OK) {
        memcpy(state->checkpoint, path, sizeof path);
        state->checkpoint_step = state->progress.step;
    }
    state->last_checkpoint_time = sn_clock_seconds();
    const sn_status status = forgive(state, written, final, err);
    if (status == SN_OK && metrics != SN_OK) {
        *err = metrics_error;
        return metrics;
    }
    return status;
}

static sn_status best_path(const sn_state *state, char path[SN_PATH_BYTES],
                           sn_error *err)
{
    return sn_path_join(path, state->options->run, "checkpoints/best.h5", err);
}

static sn_status write_best(sn_state *state, sn_error *err)
{
    char path[SN_PATH_BYTES], folder[SN_PATH_BYTES];
    sn_status status = sn_path_join(folder, state->options->run, "checkpoints", err);
    if (status == SN_OK) {
        status = sn_folder_create(folder, err);
    }
    if (status == SN_OK) {
        status = best_path(state, path, err);
    }
    return status == SN_OK ? write_file(state, path, err) : status;
}

sn_status sn_run_save_best(sn_state *state, sn_error *err)
{
    sn_status status = state->rank == 0 ? write_best(state, err) : SN_OK;
    status = sn_comm_agree(state->comm, status, err);
    return forgive(state, status, false, err);
}

/* Rank 0: reads best.h5; *found only when it is the best epoch's. */
static sn_status read_best(sn_state *state, int *found, sn_error *err)
{
    char path[SN_PATH_BYTES];
    sn_checkpoint *checkpoint = NULL;
    sn_checkpoint_info info = {0};
    sn_status status = best_path(state, path, err);
    if (status == SN_OK) {
        status = sn_checkpoint_open(path, &checkpoint, &info, err);
    }
    if (status == SN_OK) {
        *found = info.progress.epoch == state->progress.best_epoch &&
                 sn_resume_shape_matches(state, checkpoint, &info);
        if (*found) {
            status = sn_checkpoint_read(checkpoint, state->tensors, err);
        }
    }
    sn_checkpoint_close(&checkpoint);
    sn_checkpoint_info_clear(&info);
    if (status != SN_OK) {
        sn_progress_warn(state, "%s; the last weights are used", err->message);
        *found = 0;
    }
    return SN_OK;
}

sn_status sn_run_restore_best(sn_state *state, bool *restored, sn_error *err)
{
    int found = 0;
    sn_status status = state->rank == 0 ? read_best(state, &found, err) : SN_OK;
    status = sn_comm_agree(state->comm, status, err);
    if (status == SN_OK) {
        status = sn_comm_broadcast(state->comm, &found, sizeof found, 0, err);
    }
    *restored = found != 0;
    if (status == SN_OK && found) {
        status = sn_comm_broadcast(state->comm, state->parameters,
                                   state->model.arena * sizeof(float), 0, err);
    }
    return status;
}

/* Rank 0. */
static sn_status append_rows(sn_state *state, sn_error *err)
{
    sn_pending *p = &state->pending;
    char path[SN_PATH_BYTES];
    sn_status status = sn_path_join(path, state->options->run, "metrics.h5", err);
    if (status == SN_OK && p->torn) {
        int replaced;
        status = sn_metrics_cut(path, p->saved_step, &replaced, err);
    }
    if (status == SN_OK) {
        status = sn_metrics_append(path, p->epochs, p->epoch_count, p->steps,
                                   p->step_count, p->ranks, p->rank_count, err);
        p->torn = status != SN_OK;
    }
    if (status == SN_OK) {
        p->epoch_count = p->step_count = p->rank_count = 0;
        p->saved_step = state->progress.step;
    }
    return status;
}

sn_status sn_run_flush_metrics(sn_state *state, bool final, sn_error *err)
{
    sn_status status = state->rank == 0 ? append_rows(state, err) : SN_OK;
    status = sn_comm_agree(state->comm, status, err);
    return forgive(state, status, final, err);
}

/* Rank 0: config.ini and the metrics file as the restored step wants them. */
static sn_status write_folder(sn_state *state, sn_error *err)
{
    char path[SN_PATH_BYTES];
    sn_status status = sn_path_join(path, state->options->run, "config.ini", err);
    char *text = sn_config_text(&state->config);
    if (text == NULL) {
        return sn_fail(err, SN_ENOMEM, "configuration: out of memory");
    }
    if (status == SN_OK) {
        status = sn_file_write_text(path, text, err);
    }
    free(text);
    int replaced = 0;
    if (status == SN_OK) {
        status = sn_path_join(path, state->options->run, "metrics.h5", err);
    }
    if (status == SN_OK) {
        status = sn_metrics_cut(path, state->progress.step, &replaced, err);
    }
    if (replaced) {
        sn_progress_warn(state,
                         "metrics (%s): damaged; moved to metrics.h5.damaged, a "
                         "new file begins",
                         path);
    }
    return status;
}

/* The state of rank 0 on every rank. */
static sn_status distribute(sn_state *state, bool resumed, sn_error *err)
{
    sn_status status = sn_comm_broadcast(state->comm, &state->progress,
                                         sizeof state->progress, 0, err);
    const size_t bytes = state->model.arena * sizeof(float);
    if (status == SN_OK) {
        status = sn_comm_broadcast(state->comm, state->parameters, bytes, 0, err);
    }
    if (status == SN_OK) {
        status = sn_comm_broadcast(state->comm, state->velocity, bytes, 0, err);
    }
    state->first_step = state->pending.saved_step = state->progress.step;
    state->checkpoint_step = resumed ? state->progress.step : -1;
    return status;
}

sn_status sn_run_open(sn_state *state, sn_error *err)
{
    sn_status status = SN_OK;
    int resumed = 0;
    if (state->rank == 0) {
        state->progress.seed = (uint64_t)state->config.train_seed;
        state->progress.best_error = 1;
        status = sn_folder_create(state->options->run, err);
        if (status == SN_OK) {
            status = sn_resume_find(state, &resumed, err);
        }
        if (status == SN_OK && !resumed) {
            sn_init_parameters(&state->model, (sn_init)state->config.model_init,
                               state->config.model_init_scale, state->progress.seed,
                               state->parameters);
        }
        if (status == SN_OK) {
            status = write_folder(state, err);
        }
    }
    status = sn_comm_agree(state->comm, status, err);
    if (status == SN_OK) {
        status = sn_comm_broadcast(state->comm, &resumed, sizeof resumed, 0, err);
    }
    if (status == SN_OK) {
        status = distribute(state, resumed != 0, err);
    }
    state->last_checkpoint_time = sn_clock_seconds();
    return status;
}
