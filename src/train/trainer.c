#include "shardnet/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "shardnet/batch.h"
#include "shardnet/clock.h"
#include "shardnet/evaluate.h"
#include "shardnet/fault.h"
#include "train/pending.h"
#include "train/progress.h"
#include "train/run.h"
#include "train/state.h"
#include "train/stop.h"

/* indices = sampler(seed, epoch, step, rank, size); X, y = batch_gather(dataset,
 * indices), distorted where the configuration says so.  positions of the epoch's order,
 * may be empty. */
static void gather(sn_state *state, sn_range positions)
{
    const sn_split *train = &state->loaded.data.train;
    const size_t rows = (size_t)(positions.end - positions.begin);
    const size_t features = state->model.input;
    for (size_t i = 0; i < rows; i++) {
        state->samples[i] = sn_sampler_at(&state->sampler, positions.begin + i);
    }
    sn_batch_gather(train, features, state->samples, rows, state->x, state->labels);
    for (size_t i = 0; i < rows && state->augment != NULL; i++) {
        sn_augment_apply(state->augment, state->progress.seed,
                         (uint32_t)state->progress.epoch, state->samples[i],
                         train->images + (size_t)state->samples[i] * features,
                         state->x + i * features);
    }
    if (sn_fault_check("train.nan", state->rank, state->progress.step, NULL) != SN_OK) {
        state->x[0] = NAN;
    }
}

/* What travels behind a gradient. */
static void write_tail(sn_state *state, const sn_pass *pass, size_t rows, double now,
                       float *tail)
{
    const sn_config *config = &state->config;
    bool stop = sn_stop_requested() != 0, checkpoint = false;
    if (state->rank == 0) {
        stop = stop || (config->train_max_minutes > 0 &&
                        now - state->started >= 60 * config->train_max_minutes);
        checkpoint =
            config->checkpoint_every_minutes > 0 &&
            now - state->last_checkpoint_time >= 60 * config->checkpoint_every_minutes;
    }
    memset(tail, 0, SN_TAIL_COUNT_OF * sizeof *tail);
    tail[SN_TAIL_LOSS] = (float)pass->loss.sum;
    tail[SN_TAIL_CORRECT] = (float)pass->loss.correct;
    tail[SN_TAIL_COUNT] = (float)rows;
    tail[SN_TAIL_NON_FINITE] = pass->non_finite != 0;
    tail[SN_TAIL_STOP] = stop;
    tail[SN_TAIL_CHECKPOINT] = checkpoint;
}

/* Every rank decides the same from the same sums. */
static sn_status read_tail(sn_state *state, sn_error *err)
{
    const float *tail = state->message + state->model.arena;
    if (tail[SN_TAIL_NON_FINITE] != 0 || !isfinite(tail[SN_TAIL_LOSS])) {
        return sn_fail(err, SN_EDIVERGED,
                       "training diverged (epoch %" PRId64 ", step %" PRId64
                       "): the loss or a gradient is not finite on %.0f rank(s); lower "
                       "the learning rate, then continue with --resume",
                       state->progress.epoch + 1, state->progress.step + 1,
                       (double)tail[SN_TAIL_NON_FINITE]);
    }
    const int64_t done = state->progress.step + 1 - state->first_step;
    state->stop = tail[SN_TAIL_STOP] != 0 || (state->config.train_max_steps > 0 &&
                                              done >= state->config.train_max_steps);
    const int64_t every = state->config.checkpoint_every_steps;
    state->checkpoint_due = state->checkpoint_due || tail[SN_TAIL_CHECKPOINT] != 0 ||
                            (every > 0 && (state->progress.step + 1) % every == 0);
    return SN_OK;
}

static void advance(sn_state *state, double rate)
{
    const float *tail = state->message + state->model.arena;
    sn_progress *p = &state->progress;
    p->step++;
    p->step_in_epoch++;
    p->samples_seen += (int64_t)tail[SN_TAIL_COUNT];
    p->learning_rate = rate;
    p->epoch_loss_sum += (double)tail[SN_TAIL_LOSS];
    p->epoch_correct += (int64_t)tail[SN_TAIL_CORRECT];
    p->epoch_samples += (int64_t)tail[SN_TAIL_COUNT];
}

/* Gradient || tail of the samples at positions into message. */
static void compute_message(sn_state *state, sn_range positions, float *message)
{
    const sn_config *config = &state->config;
    const sn_dropout dropout = {.input = config->model_dropout_input,
                                .hidden = config->model_dropout_hidden,
                                .seed = state->progress.seed,
                                .epoch = (uint32_t)state->progress.epoch};
    const size_t rows = (size_t)(positions.end - positions.begin);
    const double begun = sn_clock_seconds();
    gather(state, positions);
    const double gathered = sn_clock_seconds();
    const sn_pass pass =
        sn_net_gradient(&state->model, state->parameters, &state->workspace, state->x,
                        state->labels, state->samples, rows, &dropout, message);
    const double computed = sn_clock_seconds();
    write_tail(state, &pass, rows, computed, message + state->model.arena);
    state->phases.gather += gathered - begun;
    state->phases.compute += computed - gathered;
}

/* This rank's part of the batch, then one sum over all ranks into state->message. */
static sn_status combine_gradients(sn_state *state, sn_range batch, sn_error *err)
{
    const size_t arena = state->model.arena;
    if (state->tree == NULL) {
        compute_message(state, sn_rank_range(batch, state->rank, state->size),
                        state->message);
        const double begun = sn_clock_seconds();
        const sn_status status = sn_reduce_sum(state->comm, state->message, arena, err);
        state->phases.reduce += sn_clock_seconds() - begun;
        return status;
    }
    const sn_range mine = sn_tree_leaves(state->tree);
    double pushing = 0;
    for (uint64_t leaf = mine.begin; leaf < mine.end; leaf++) {
        compute_message(state,
                        sn_rank_range(batch, (int)leaf, (int)state->config.comm_leaves),
                        sn_tree_next(state->tree));
        const double begun = sn_clock_seconds();
        sn_tree_push(state->tree);
        pushing += sn_clock_seconds() - begun;
    }
    const double begun = sn_clock_seconds();
    const sn_status status = sn_tree_sum(state->tree, state->message, err);
    state->phases.reduce += sn_clock_seconds() - begun + pushing;
    return status;
}

/* One step, the heart of the program: the gradient of this rank's slice of the global
 * batch, one sum over all ranks, the same decisions and one update on every rank. */
static sn_status train_step(sn_state *state, sn_error *err)
{
    const double begun = sn_clock_seconds();
    const sn_range batch = sn_step_range(state->loaded.data.train.count,
                                         (uint64_t)state->config.train_batch,
                                         (uint64_t)state->progress.step_in_epoch);
    sn_status status = combine_gradients(state, batch, err);
    if (status == SN_OK) {
        status = read_tail(state, err);
    }
    if (status != SN_OK) {
        return status;
    }
    const double reduced = sn_clock_seconds();
    const double rate = sn_schedule_step_rate(
        &state->schedule, state->epoch_rate, state->progress.epoch,
        state->progress.step_in_epoch, state->steps_per_epoch);
    const float *tail = state->message + state->model.arena;
    sn_optimizer_update(&state->optimizer, &state->model, rate,
                        1 / (double)tail[SN_TAIL_COUNT], state->message,
                        state->velocity, state->parameters);
    advance(state, rate);

    const double updated = sn_clock_seconds();
    state->phases.update += updated - reduced;
    state->progress.train_seconds += updated - begun;
    state->invocation_train_seconds += updated - begun;
    sn_pending_step(state, updated - begun);
    sn_progress_step(state, updated,
                     (double)(tail[SN_TAIL_LOSS] / tail[SN_TAIL_COUNT]));
    return SN_OK;
}

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
    sn_progress *p = &state->progress;
    sn_epoch_row row = {.epoch = p->epoch + 1,
                        .step = p->step,
                        .learning_rate = p->learning_rate,
                        .validation_loss = NAN,
                        .validation_error = NAN,
                        .test_loss = NAN,
                        .test_error = NAN,
                        .seconds = state->phases.gather + state->phases.compute +
                                   state->phases.reduce + state->phases.update};
    const double samples = (double)p->epoch_samples;
    row.penalty =
        sn_optimizer_penalty(&state->optimizer, &state->model, state->parameters);
    row.train_loss = p->epoch_loss_sum / samples + row.penalty;
    row.train_error = 1 - (double)p->epoch_correct / samples;
    row.samples_per_second =
        (samples - (double)state->epoch_samples_before) / row.seconds;
    state->last_train_loss = row.train_loss;
    p->epoch++;
    p->step_in_epoch = 0;
    p->epoch_loss_sum = 0;
    p->epoch_correct = p->epoch_samples = 0;

    sn_status status = SN_OK;
    if (p->epoch % state->config.train_eval_every == 0 ||
        p->epoch == state->config.train_epochs) {
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
    }
    if (status == SN_OK) {
        status = sn_pending_epoch(state, &row, err);
    }
    sn_progress_epoch(state, &row);
    return status;
}

static void open_epoch(sn_state *state)
{
    const sn_progress *p = &state->progress;
    sn_sampler_init(&state->sampler, p->seed, (uint32_t)p->epoch,
                    state->loaded.data.train.count);
    state->epoch_rate = sn_schedule_epoch_rate(&state->schedule, p->epoch);
    state->phases = (sn_phases){0};
    state->epoch_samples_before = p->epoch_samples;
}

static bool patience_exhausted(const sn_state *state)
{
    const sn_config *config = &state->config;
    return config->train_early_stop_patience > 0 && state->progress.best_epoch > 0 &&
           state->progress.epoch - state->progress.best_epoch >=
               config->train_early_stop_patience * config->train_eval_every;
}

/* Steps of one epoch from where progress stands, its figures and its checkpoints. */
static sn_status train_epoch(sn_state *state, sn_error *err)
{
    open_epoch(state);
    sn_status status = sn_pending_reserve(state, err);
    while (status == SN_OK && state->progress.step_in_epoch < state->steps_per_epoch) {
        status = train_step(state, err);
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
    const bool finished = state->progress.epoch >= state->config.train_epochs ||
                          patience_exhausted(state);
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
        sn_progress_result(state, result, best_restored);
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
    state->live = state->rank == 0 && sn_progress_is_live(state->options->out);
    sn_progress_header(state);
    state->loop_started = sn_clock_seconds();
    const int64_t seen = state->progress.samples_seen;
    while (status == SN_OK && !state->stop &&
           state->progress.epoch < state->config.train_epochs &&
           !patience_exhausted(state)) {
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
    sn_status status = sn_state_open(&state, comm, config, options, err);
    if (status != SN_OK) {
        return status;
    }
    if (options->handle_signals) {
        sn_stop_watch();
    }
    status = train(&state, result, err);
    if (options->handle_signals) {
        sn_stop_unwatch();
    }
    sn_state_close(&state);
    return status;
}
