#include "shardnet/train.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/stop.h"
#include "eval/evaluate.h"
#include "train/console.h"
#include "train/pending.h"
#include "train/preflight.h"
#include "train/replica_check.h"
#include "train/run.h"
#include "train/state.h"
#include "train/step.h"

static sn_status evaluate_split(sn_state *state, const sn_split *split,
                                sn_evaluation *evaluation, sn_error *err)
{
    return sn_evaluate(state->comm, &state->model, state->parameters, &state->workspace,
                       state->x, split, evaluation, err);
}

static void note_best(sn_state *state, double error, bool *improved)
{
    *improved = !isnan(error) &&
                (state->progress.best_epoch == 0 || error < state->progress.best_error);
    if (*improved) {
        state->progress.best_epoch = state->progress.epoch;
        state->progress.best_error = error;
    }
}

/* Figures of the epoch that has just ended; progress moves on to the next.  *improved
 * says whether the validation error is the best so far. */
static sn_status close_epoch(sn_state *state, bool *improved, sn_error *err)
{
    sn_position *p = &state->progress;
    sn_epoch_row row = {.epoch = p->epoch + 1,
                        .step = p->step,
                        .learning_rate = p->learning_rate,
                        .validation_loss = NAN,
                        .validation_error = NAN,
                        .test_loss = NAN,
                        .test_error = NAN,
                        .seconds = sn_profile_total(&state->phases)};
    const double samples = (double)p->epoch_samples;
    row.penalty =
        sn_optimizer_penalty(&state->optimizer, &state->model, state->parameters);
    row.train_loss = p->epoch_loss_sum / samples + row.penalty;
    row.train_error = 1 - (double)p->epoch_correct / samples;
    row.samples_per_second =
        (samples - (double)state->epoch_samples_before) / row.seconds;
    state->last_train_loss = row.train_loss;
    sn_profile_add(&state->run_phases, &state->phases);
    p->epoch++;
    p->step_in_epoch = 0;
    p->epoch_loss_sum = 0;
    p->epoch_correct = p->epoch_samples = 0;

    sn_status status = SN_OK;
    if (p->epoch % state->config.train_eval_every == 0 ||
        p->epoch == state->config.train_epochs) {
        const double begun = sn_clock_seconds();
        const sn_dataset *data = &state->loaded.data;
        sn_evaluation evaluation;
        status = evaluate_split(state, &data->validation, &evaluation, err);
        if (status == SN_OK) {
            row.validation_loss = evaluation.loss;
            row.validation_error = sn_evaluation_error(&evaluation);
            note_best(state, row.validation_error, improved);
            status = evaluate_split(state, &data->test, &evaluation, err);
            row.test_loss = evaluation.loss;
            row.test_error = sn_evaluation_error(&evaluation);
        }
        state->longest_evaluation_seconds =
            fmax(state->longest_evaluation_seconds, sn_clock_seconds() - begun);
        sn_run_set_stop(state);
    }
    if (status == SN_OK) {
        status = sn_pending_epoch(state, &row, err);
    }
    sn_console_epoch(state, &row);
    return status;
}

static void open_epoch(sn_state *state)
{
    sn_step_open_epoch(state);
    state->phases = (sn_profile){0};
    state->epoch_samples_before = state->progress.epoch_samples;
}

static bool is_finished(const sn_state *state)
{
    return sn_config_is_finished(&state->config, state->progress.epoch,
                                 state->progress.best_epoch);
}

/* Steps of one epoch from where progress stands, its figures and its checkpoints. */
static sn_status train_epoch(sn_state *state, sn_error *err)
{
    open_epoch(state);
    sn_status status = sn_pending_reserve(state, err);
    while (status == SN_OK && state->progress.step_in_epoch < state->steps_per_epoch) {
        status = sn_step_run(state, err);
        if (status == SN_OK) {
            status = sn_replica_step(state, err);
        }
        const bool last = state->progress.step_in_epoch == state->steps_per_epoch;
        if (status != SN_OK || last || !(state->stop || state->checkpoint_due)) {
            continue;
        }
        status = sn_run_checkpoint(state, true, false, state->stop, err);
        state->checkpoint_due = false;
        if (state->stop) {
            return status;
        }
    }
    if (status != SN_OK) {
        return status;
    }
    bool improved = false;
    status = close_epoch(state, &improved, err);
    const int64_t every = state->config.checkpoint_every_epochs;
    const bool finished = is_finished(state);
    const bool due = state->stop || finished || state->checkpoint_due ||
                     (every > 0 && state->progress.epoch % every == 0);
    const bool best = improved && state->config.checkpoint_keep_best;
    if (status == SN_OK && (due || best)) {
        status = sn_run_checkpoint(state, due, best, state->stop || finished, err);
        state->checkpoint_due = state->checkpoint_due && !due;
    }
    if (finished) {
        state->stop = false; /* nothing is left to stop */
    }
    return status;
}

static sn_status finish(sn_state *state, sn_train_result *result, sn_error *err)
{
    bool best_restored = false;
    sn_status status = SN_OK;
    if (state->progress.best_epoch > 0 && state->config.checkpoint_keep_best) {
        status = sn_run_restore_best(state, &best_restored, err);
    }
    sn_evaluation evaluation = {0};
    if (status == SN_OK) {
        status = evaluate_split(state, &state->loaded.data.test, &evaluation, err);
    }
    const int64_t steps = state->progress.step - state->first_step;
    *result = (sn_train_result){.epoch = state->progress.epoch,
                                .step = state->progress.step,
                                .train_loss = state->last_train_loss,
                                .test_loss = evaluation.loss,
                                .test_correct = evaluation.correct,
                                .test_count = evaluation.count,
                                .seconds = sn_clock_seconds() - state->started,
                                .train_seconds = state->invocation_train_seconds,
                                .samples_per_second =
                                    steps == 0 ? 0
                                               : (double)state->samples_here /
                                                     state->invocation_train_seconds};
    memcpy(result->checkpoint, state->checkpoint, sizeof result->checkpoint);
    if (status == SN_OK) {
        sn_console_result(state, result, best_restored);
    }
    return status;
}

static sn_status stopped(const sn_state *state, sn_error *err)
{
    return sn_fail(err, SN_ESTOPPED,
                   "stopped early on request (epoch %" PRId64 ", step %" PRId64
                   "): checkpoint written; continue with --resume",
                   state->progress.epoch, state->progress.step);
}

static sn_status train(sn_state *state, sn_train_result *result, sn_error *err)
{
    sn_status status = sn_run_open(state, err);
    if (status != SN_OK) {
        return status;
    }
    state->live = state->rank == 0 && sn_console_is_live(state->options->out);
    sn_console_header(state);
    status = sn_preflight_warn_of_binding(state, err);
    state->loop_started = sn_clock_seconds();
    const int64_t seen = state->progress.samples_seen;
    while (status == SN_OK && !state->stop && !is_finished(state)) {
        status = train_epoch(state, err);
    }
    state->samples_here = state->progress.samples_seen - seen;
    if (status == SN_OK) {
        status = state->stop ? stopped(state, err) : finish(state, result, err);
    }
    return status;
}

sn_status sn_train(sn_comm *comm, const sn_config *config,
                   const sn_train_options *options, sn_train_result *result,
                   sn_error *err)
{
    sn_state state;
    sn_status status = sn_preflight_check(comm, config, err);
    if (status == SN_OK && options->on_hang != NULL &&
        config->comm_timeout_seconds > 0) {
        status = sn_watchdog_start(comm, config->comm_timeout_seconds, options->on_hang,
                                   options->on_hang_user, err);
    }
    if (status == SN_OK) {
        status = sn_state_open(&state, comm, config, options, err);
    }
    if (status != SN_OK) {
        sn_watchdog_stop(comm);
        return status;
    }
    if (options->handle_signals) {
        sn_stop_watch(NULL);
    }
    status = train(&state, result, err);
    if (options->handle_signals) {
        sn_stop_unwatch();
    }
    sn_watchdog_stop(comm);
    if (status != SN_OK && status != SN_ESTOPPED && status != SN_EMPI) {
        sn_run_leave(&state, err);
    }
    sn_state_close(&state);
    return status;
}
