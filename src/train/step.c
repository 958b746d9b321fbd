#include "train/step.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/parallel.h"
#include "base/stop.h"
#include "data/batch.h"
#include "train/console.h"
#include "train/pending.h"

void sn_step_open_epoch(sn_state *state)
{
    const sn_position *p = &state->progress;
    sn_sampler_init(&state->sampler, p->seed, (uint32_t)p->epoch,
                    state->loaded.data.train.count);
    state->epoch_rate = sn_schedule_epoch_rate(&state->schedule, p->epoch);
}

sn_range sn_step_batch(const sn_state *state)
{
    return sn_step_range(state->loaded.data.train.count,
                         (uint64_t)state->config.train_batch,
                         (uint64_t)state->progress.step_in_epoch);
}

sn_pieces sn_step_pieces(const sn_state *state)
{
    const sn_reduction_spec spec = sn_config_reduction(&state->config, 0, 0);
    return sn_reduction_pieces(sn_reduction_of(state->config.comm_reduce), &spec,
                               state->rank, state->size);
}

/* X and y of the samples (rows), distorted. */
static void distort(sn_state *state, size_t rows)
{
    const sn_split *train = &state->loaded.data.train;
    const size_t features = state->model.input;
    SN_PARALLEL_IF(rows >= (size_t)sn_threads())
    for (size_t i = 0; i < rows; i++) {
        const size_t sample = state->samples[i];
        state->labels[i] = train->labels[sample];
        sn_augment_apply(state->augment[sn_thread()], state->progress.seed,
                         (uint32_t)state->progress.epoch, state->samples[i],
                         train->images + sample * features, state->x + i * features);
    }
}

/* What the tests do to a step. */
static void inject_faults(sn_state *state)
{
    const int64_t step = state->progress.step;
    if (sn_fault_check("train.nan", state->rank, step, NULL) != SN_OK) {
        state->x[0] = NAN;
    }
    if (sn_fault_check("step.slow", state->rank, -1, NULL) != SN_OK) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    while (sn_fault_check("step.hang", state->rank, step, NULL) != SN_OK) {
        sleep(1);
    }
}

/* Sends for the images that this rank takes in the next step: they lie anywhere in
 * memory and arrive while this step computes.  Only where they all find room in the
 * cache. */
static void prefetch_next(const sn_state *state, sn_range positions)
{
    enum { LINE = 64, ROOM = 128 << 10 };
    const sn_split *train = &state->loaded.data.train;
    const size_t features = state->model.input;
    const uint64_t batch = (uint64_t)state->config.train_batch;
    const uint64_t end =
        positions.end + batch < train->count ? positions.end + batch : train->count;
    if ((positions.end - positions.begin) * features > ROOM) {
        return;
    }
    for (uint64_t at = positions.begin + batch; at < end; at++) {
        const uint8_t *image =
            train->images + (size_t)sn_sampler_at(&state->sampler, at) * features;
        for (size_t i = 0; i < features; i += LINE) {
            __builtin_prefetch(image + i);
        }
    }
}

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
    if (state->augment == NULL) {
        sn_batch_gather(train, features, state->samples, rows, state->x, state->labels);
    } else {
        distort(state, rows);
    }
    prefetch_next(state, positions);
    inject_faults(state);
}

/* What travels behind a gradient. */
static void write_tail(sn_state *state, const sn_pass *pass, size_t rows, double now,
                       float *tail)
{
    const sn_config *config = &state->config;
    bool stop = sn_stop_requested() != 0, checkpoint = false;
    if (state->rank == 0) {
        stop = stop ||
               (config->train_max_minutes > 0 &&
                now - state->started >= 60 * config->train_max_minutes) ||
               now - state->started >= state->stop_seconds;
        checkpoint =
            config->checkpoint_every_minutes > 0 &&
            now - state->last_checkpoint_time >= 60 * config->checkpoint_every_minutes;
    }
    memset(tail, 0, SN_TAIL_COUNT_OF * sizeof *tail);
    tail[SN_TAIL_LOSS] = (float)pass->loss.sum;
    tail[SN_TAIL_CORRECT] = (float)pass->loss.correct;
    tail[SN_TAIL_COUNT] = (float)rows;
    tail[SN_TAIL_NON_FINITE] = pass->non_finite != 0 || state->products != SN_OK;
    tail[SN_TAIL_STOP] = stop;
    tail[SN_TAIL_CHECKPOINT] = checkpoint;
}

/* Where a non-finite number appeared first, told by the lowest rank that has one.  A
 * rank whose products failed tells so in the same place of the tail. */
static sn_status diverged(sn_state *state, sn_error *err)
{
    const int found = state->non_finite;
    *err = state->products_error;
    const sn_status products = sn_comm_agree(state->comm, state->products, err);
    if (products != SN_OK) {
        return products;
    }
    char where[SN_HOST_BYTES + 64] = "";
    int first;
    sn_status status = sn_comm_first(state->comm, found != 0, &first, err);
    if (found == (int)state->model.layers + 1) {
        snprintf(where, sizeof where, "the loss, on rank %d on %s", state->rank,
                 sn_comm_host(state->comm));
    } else {
        snprintf(where, sizeof where, "the gradient of layer%d, on rank %d on %s",
                 found - 1, state->rank, sn_comm_host(state->comm));
    }
    if (status == SN_OK && first < state->size) {
        status = sn_comm_broadcast(state->comm, where, sizeof where, first, err);
    } else {
        strcpy(where, "the sum over ranks");
    }
    return status != SN_OK
               ? status
               : sn_fail(err, SN_EDIVERGED,
                         "training diverged (epoch %" PRId64 ", step %" PRId64
                         "): not finite is %s; lower the learning rate",
                         state->progress.epoch + 1, state->progress.step + 1, where);
}

/* Every rank decides the same from the same sums. */
static sn_status read_tail(sn_state *state, sn_error *err)
{
    const float *tail = state->sum + state->model.arena;
    if (tail[SN_TAIL_NON_FINITE] != 0 || !isfinite(tail[SN_TAIL_LOSS])) {
        return diverged(state, err);
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
    const float *tail = state->sum + state->model.arena;
    sn_position *p = &state->progress;
    p->step++;
    p->step_in_epoch++;
    p->samples_seen += (int64_t)tail[SN_TAIL_COUNT];
    p->learning_rate = rate;
    p->epoch_loss_sum += (double)tail[SN_TAIL_LOSS];
    p->epoch_correct += (int64_t)tail[SN_TAIL_CORRECT];
    p->epoch_samples += (int64_t)tail[SN_TAIL_COUNT];
}

/* Have this rank's products failed so far? */
static void note_products(sn_state *state)
{
    if (state->products == SN_OK) {
        state->products =
            sn_gemm_bf16_status(state->workspace.rounded.gemm, &state->products_error);
    }
    if (state->products == SN_OK) {
        state->products = sn_fault_check("step.products", state->rank,
                                         state->progress.step, &state->products_error);
    }
}

/* Labels for the watchdog. */
static const sn_activity gathering = {"gather", false}, computing = {"gradient", false},
                         reducing = {"reduce", true}, updating = {"update", false};

/* buffer := gradient || tail of the samples at positions. */
static void compute_gradient(sn_state *state, sn_range positions, float *buffer)
{
    const sn_config *config = &state->config;
    const sn_dropout dropout = {.input = config->model_dropout_input,
                                .hidden = config->model_dropout_hidden,
                                .seed = state->progress.seed,
                                .epoch = (uint32_t)state->progress.epoch};
    const size_t rows = (size_t)(positions.end - positions.begin);
    const double begun = sn_clock_seconds();
    sn_watchdog_mark(state->comm, &gathering, state->progress.step);
    gather(state, positions);
    const double gathered = sn_clock_seconds();
    sn_watchdog_mark(state->comm, &computing, state->progress.step);
    const sn_pass pass =
        sn_net_gradient(&state->model, state->parameters, &state->workspace, state->x,
                        state->labels, state->samples, rows, &dropout, buffer);
    const double computed = sn_clock_seconds();
    if (state->non_finite == 0) {
        state->non_finite = pass.non_finite;
    }
    note_products(state);
    write_tail(state, &pass, rows, computed, buffer + state->model.arena);
    state->phases.gather += gathered - begun;
    state->phases.forward += pass.forward_seconds;
    state->phases.backward += computed - gathered - pass.forward_seconds;
}

/* The gradients of this rank's pieces, reduced over all pieces of all ranks. */
static sn_status combine_gradients(sn_state *state, sn_error *err)
{
    sn_reduction *reduction = state->reduction;
    const sn_range batch = sn_step_batch(state);
    const sn_pieces pieces = sn_step_pieces(state);
    double begun;
    sn_reduction_begin(reduction);
    for (int piece = pieces.begin; piece < pieces.end; piece++) {
        compute_gradient(state, sn_rank_range(batch, piece, pieces.total),
                         sn_reduction_buffer(reduction));
        begun = sn_clock_seconds();
        sn_reduction_push(reduction);
        state->phases.reduce += sn_clock_seconds() - begun;
    }
    begun = sn_clock_seconds();
    sn_watchdog_mark(state->comm, &reducing, state->progress.step);
    const sn_status status = sn_reduction_finish(reduction, &state->sum, err);
    state->phases.reduce += sn_clock_seconds() - begun;
    return status;
}

/* One step, the heart of the program: the gradient of this rank's slice of the global
 * batch, one sum over all ranks, the same decisions and one update on every rank. */
sn_status sn_step_run(sn_state *state, sn_error *err)
{
    const double begun = sn_clock_seconds();
    sn_status status = combine_gradients(state, err);
    if (status == SN_OK) {
        status = read_tail(state, err);
    }
    if (status != SN_OK) {
        return status;
    }
    const double reduced = sn_clock_seconds();
    sn_watchdog_mark(state->comm, &updating, state->progress.step);
    const double rate = sn_schedule_step_rate(
        &state->schedule, state->epoch_rate, state->progress.epoch,
        state->progress.step_in_epoch, state->steps_per_epoch);
    const float *tail = state->sum + state->model.arena;
    sn_optimizer_update(&state->optimizer, &state->model, rate,
                        1 / (double)tail[SN_TAIL_COUNT], state->sum, state->velocity,
                        state->parameters, state->rounded);
    advance(state, rate);

    const double updated = sn_clock_seconds();
    state->phases.update += updated - reduced;
    state->progress.train_seconds += updated - begun;
    state->invocation_train_seconds += updated - begun;
    sn_pending_step(state, updated - begun);
    sn_console_step(state, updated, (double)(tail[SN_TAIL_LOSS] / tail[SN_TAIL_COUNT]));
    return SN_OK;
}
