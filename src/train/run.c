#include "train/run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "data/batch.h"
#include "nn/init.h"
#include "run/folder.h"
#include "run/lineage.h"
#include "run/lock.h"
#include "shardnet/version.h"
#include "train/console.h"
#include "train/deadline.h"
#include "train/replica_check.h"
#include "train/tune.h"

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
             sn_version());
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

/* A write that failed is a warning while the run can go on without it. */
static sn_status forgive(sn_state *state, sn_status status, bool final, sn_error *err)
{
    const bool may_retry =
        status == SN_EIO || status == SN_ECREATE || status == SN_ENOMEM;
    if (may_retry && !final) {
        sn_console_warn(state, "%s; training goes on, the next interval tries again",
                        err->message);
        return SN_OK;
    }
    return may_retry ? SN_EIO : status;
}

/* Rank 0 reads or writes copies of parameters and velocities, the others wait for it. */
static void mark_files(const sn_state *state, size_t copies)
{
    static const sn_activity files = {"files", false};
    sn_watchdog_mark_bytes(
        state->comm, state->rank == 0 ? &files : &sn_watchdog_agreement,
        state->progress.step, copies * 2 * state->model.arena * sizeof(float));
}

static void warn_of(const sn_state *state, const sn_writer_part *part, const char *then)
{
    if (part->status != SN_OK) {
        sn_console_warn(state, "%s%s", part->err.message, then);
    }
}

void sn_run_set_stop(sn_state *state)
{
    if (state->writer != NULL) {
        const double longest = sn_writer_longest_seconds(state->writer) +
                               state->longest_evaluation_seconds;
        state->stop_seconds =
            state->job_seconds - sn_deadline_margin(state->job_seconds, longest);
    }
}

/* Rank 0: waits for the last write and notes what it left.  Fails where the checkpoint
 * of the step or the metrics did; the rest is a warning. */
static sn_status settle(sn_state *state, bool final, sn_error *err)
{
    if (!state->writing) {
        return SN_OK;
    }
    state->writing = false;
    sn_writer_outcome outcome;
    sn_writer_wait(state->writer, &outcome);
    sn_run_set_stop(state);
    if (outcome.step.status == SN_OK && state->submitted[0] != '\0') {
        memcpy(state->checkpoint, state->submitted, sizeof state->checkpoint);
        state->saved_step = state->submitted_step;
    }
    if (outcome.notice.message[0] != '\0') {
        sn_console_warn(state, "%s", outcome.notice.message);
    }
    warn_of(state, &outcome.best, final ? "" : "; the next checkpoint tries again");
    warn_of(state, &outcome.rotate, "; older checkpoints are left");
    const sn_writer_part *failed = &outcome.step;
    if (failed->status == SN_OK) {
        failed = &outcome.metrics;
    } else {
        warn_of(state, &outcome.metrics, "");
    }
    if (failed->status != SN_OK) {
        *err = failed->err;
    }
    return failed->status;
}

/* Rank 0: hands the present state to the writer, as a checkpoint of the step, as
 * best.h5, both or neither, and the rows for metrics.h5. */
static sn_status submit(sn_state *state, bool rotated, bool best, sn_error *err)
{
    const char *run = state->options->run;
    sn_checkpoint_info info;
    sn_status status = SN_OK;
    state->submitted[0] = '\0';
    if (rotated) {
        status = sn_checkpoint_path(state->submitted, run, state->progress.step, err);
    }
    if (status == SN_OK) {
        status = describe(state, &info, err);
    }
    if (status == SN_OK) {
        state->submitted_step = state->progress.step;
        state->writing = true;
        const sn_writer_job job = {.run = run,
                                   .path = state->submitted,
                                   .best = best,
                                   .keep = (size_t)state->config.checkpoint_keep,
                                   .rows = &state->pending};
        sn_error why;
        if (sn_writer_submit(state->writer, &job, &info, state->parameters,
                             state->velocity, &why) != SN_OK) {
            sn_console_warn(state, "%s; the weights of the best epoch are lost",
                            why.message);
        }
    }
    return status;
}

sn_status sn_run_checkpoint(sn_state *state, bool rotated, bool best, bool final,
                            sn_error *err)
{
    /* rank 0's copy is what is saved: it is worth that only while it is everybody's */
    sn_status status = sn_replica_check(state, err);
    if (status != SN_OK) {
        return status;
    }
    mark_files(state, 4); /* the last write and this one, best.h5 beside each */
    status = state->rank == 0 ? settle(state, false, err) : SN_OK;
    status = forgive(state, sn_comm_agree(state->comm, status, err), false, err);
    if (status != SN_OK) {
        return status;
    }
    if (state->rank == 0) {
        rotated = rotated && state->saved_step != state->progress.step;
        status = submit(state, rotated, best, err);
        if (status == SN_OK && final) {
            status = settle(state, true, err);
        }
    }
    status = forgive(state, sn_comm_agree(state->comm, status, err), final, err);
    state->last_checkpoint_time = sn_clock_seconds();
    return status;
}

void sn_run_leave(sn_state *state, sn_error *err)
{
    if (state->rank != 0 || state->loop_started == 0) {
        return;
    }
    sn_error why;
    if (settle(state, true, &why) != SN_OK) {
        sn_console_warn(state, "%s", why.message);
    }
    if (!sn_rows_empty(&state->pending)) {
        sn_status status = submit(state, false, false, &why);
        if (status == SN_OK) {
            status = settle(state, true, &why);
        }
        if (status != SN_OK) {
            sn_console_warn(state, "%s", why.message);
        }
    }
    why = *err;
    if (state->saved_step < 0) {
        (void)sn_fail(err, SN_OK, "%s; no checkpoint yet", why.message);
    } else {
        (void)sn_fail(err, SN_OK, "%s; continue with --resume from %s", why.message,
                      state->checkpoint);
    }
}

static sn_restore_target target_of(sn_state *state)
{
    return (sn_restore_target){.model = &state->model,
                               .tensors = state->tensors,
                               .data = &state->loaded.data,
                               .steps_per_epoch = state->steps_per_epoch,
                               .config = &state->config};
}

sn_status sn_run_restore_best(sn_state *state, bool *restored, sn_error *err)
{
    bool found = false;
    mark_files(state, 1);
    if (state->rank == 0) {
        const sn_restore_target target = target_of(state);
        sn_error why;
        found = sn_restore_best(state->options->run, &target,
                                state->progress.best_epoch, &why) == SN_OK;
        if (!found) {
            sn_console_warn(state, "%s; the last weights are used", why.message);
        }
    }
    sn_status status = sn_comm_agree(state->comm, SN_OK, err);
    if (status == SN_OK) {
        status = sn_comm_broadcast(state->comm, &found, sizeof found, 0, err);
    }
    *restored = found;
    if (status == SN_OK && found) {
        status = sn_comm_broadcast(state->comm, state->parameters,
                                   state->model.arena * sizeof(float), 0, err);
        sn_state_round(state);
    }
    return status;
}

/* Rank 0: checkpoints, config.ini and the metrics file as the restored step wants them,
 * in the order that run/lineage.h explains. */
static sn_status write_folder(sn_state *state, sn_lineage *lineage, bool resumed,
                              sn_error *err)
{
    sn_status status =
        resumed ? sn_lineage_settle(lineage, &state->progress, err) : SN_OK;
    if (status != SN_OK) {
        return status;
    }
    char *text = sn_config_text(&state->config);
    if (text == NULL) {
        return sn_fail(err, SN_ENOMEM, "configuration: out of memory");
    }
    /* one that was to be resumed, without a checkpoint yet, begins again */
    const bool fresh = !resumed && state->options->resume == SN_RESUME_NEVER;
    sn_error warning;
    status = sn_folder_begin(state->options->run, text, fresh, state->progress.step,
                             &warning, err);
    free(text);
    if (warning.message[0] != '\0') {
        sn_console_warn(state, "%s", warning.message);
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
    sn_state_round(state);
    state->first_step = state->progress.step;
    state->resumed = resumed;
    state->saved_step = resumed ? state->progress.step : -1;
    return status;
}

/* Told once; the watchdog sees that this rank lives. */
static void waiting_for_lock(const char *holder, void *user)
{
    sn_state *state = user;
    if (holder != NULL) {
        sn_console_warn(state, "%s: %s trains there; waiting for its end",
                        state->options->run, holder);
    }
    mark_files(state, 1);
}

/* Rank 0: makes the folder, this run's alone. */
static sn_status take_folder(sn_state *state, sn_error *err)
{
    static const double patience_seconds =
        20; /* ranks whose job was killed are going */
    const char *run = state->options->run;
    const sn_status status = sn_folder_create(run, err);
    return status == SN_OK ? sn_run_lock(run, patience_seconds, waiting_for_lock, state,
                                         &state->lock, err)
                           : status;
}

static void warn(void *user, const char *format, ...)
{
    char text[2 * SN_PATH_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sn_console_warn(user, "%s", text);
}

/* Rank 0: a checkpoint, or the initial weights. */
static sn_status begin(sn_state *state, sn_lineage *lineage, int *resumed,
                       sn_error *err)
{
    const sn_train_options *options = state->options;
    sn_restored restored;
    state->progress.seed = (uint64_t)state->config.train_seed;
    state->progress.best_error = 1;
    sn_status status = take_folder(state, err);
    if (status == SN_OK) {
        status = sn_lineage_scan(lineage, err);
    }
    if (status == SN_OK) {
        status = sn_lineage_restore(
            lineage, options->resume != SN_RESUME_NEVER,
            options->resume == SN_RESUME_PATH ? options->resume_path : NULL, &restored,
            err);
    }
    if (status != SN_OK) {
        return status;
    }
    *resumed = restored.path[0] != '\0';
    if (*resumed) {
        state->progress = restored.position;
        memcpy(state->checkpoint, restored.path, sizeof state->checkpoint);
        memcpy(state->changes, restored.changes, sizeof state->changes);
    } else {
        sn_init_parameters(&state->model, (sn_init)state->config.model_init,
                           state->config.model_init_scale, state->progress.seed,
                           state->parameters);
    }
    return SN_OK;
}

sn_status sn_run_open(sn_state *state, sn_error *err)
{
    int resumed = 0;
    const sn_restore_target target = target_of(state);
    sn_lineage lineage = {
        .run = state->options->run, .target = &target, .warn = warn, .user = state};
    mark_files(state, 1);
    sn_status status = state->rank == 0 ? begin(state, &lineage, &resumed, err) : SN_OK;
    status = sn_comm_agree(state->comm, status, err);
    if (status == SN_OK) {
        status = sn_comm_broadcast(state->comm, &resumed, sizeof resumed, 0, err);
    }
    if (status == SN_OK) {
        status = sn_tune(state, err);
    }
    if (status == SN_OK) {
        mark_files(state,
                   6); /* best.h5 and a step's checkpoint, read twice and written */
        status =
            state->rank == 0 ? write_folder(state, &lineage, resumed != 0, err) : SN_OK;
        status = sn_comm_agree(state->comm, status, err);
    }
    sn_lineage_clear(&lineage);
    if (status == SN_OK) {
        status = distribute(state, resumed != 0, err);
    }
    state->last_checkpoint_time = sn_clock_seconds();
    return status;
}
