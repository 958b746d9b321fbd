/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/step/step.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/numeric/parallel.h"
#include "base/system/clock.h"
#include "data/batch.h"
#include "dist/watchdog/watchdog.h"
#include "nn/clip.h"

static const sn_activity gathering = {"gather", false, true},
                         differentiating = {"gradient", false, true},
                         reducing = {"reduce", true, true},
                         updating = {"update", false, true},
                         meeting = {"update", true, true};

/* A step in progress. */
typedef struct step {
    const sn_context *context;
    const sn_split *train;
    sn_replica *replica;
    sn_reduction *reduction;
    sn_cursor *cursor;
    sn_step_poll *poll;
    void *user;
    int non_finite;     /* first sn_pass.non_finite of this rank that is not 0 */
    sn_status products; /* first failure of this rank's products */
    sn_error products_error;
    sn_profile profile;
} step;

/* Sets X and y to the distorted samples (rows). */
static void distort(const step *s, size_t rows)
{
    const sn_batch *batch = &s->replica->batch;
    const sn_position *p = &s->cursor->position;
    const size_t features = s->replica->network.input;
    SN_PARALLEL_IF(rows >= (size_t)sn_threads())
    for (size_t i = 0; i < rows; i++) {
        const size_t sample = batch->samples[i];
        batch->labels[i] = s->train->labels[sample];
        sn_augment_apply(batch->augment[sn_thread()], p->seed, (uint32_t)p->epoch,
                         batch->samples[i], s->train->images + sample * features,
                         batch->x + i * features);
    }
}

/* Injects the faults that tests request. */
static void inject_faults(const step *s)
{
    const int64_t number = s->cursor->position.step;
    const int rank = s->context->rank;
    if (sn_fault_check("train.nan", rank, number, NULL) != SN_OK) {
        s->replica->batch.x[0] = NAN;
    }
    if (sn_fault_check("step.slow", rank, -1, NULL) != SN_OK) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    while (sn_fault_check("step.hang", rank, number, NULL) != SN_OK) {
        sleep(1);
    }
}

/* Prefetches the images of this rank's next microbatch, which lie scattered in memory,
 * while the rank computes.  This is faster only if all of them fit into the cache. */
static void prefetch_next(const step *s, sn_range positions)
{
    enum { LINE = 64, CACHE_BYTES = 128 << 10 };
    const size_t features = s->replica->network.input;
    const uint64_t batch = s->cursor->batch, count = s->train->count;
    const uint64_t end = positions.end + batch < count ? positions.end + batch : count;
    if ((positions.end - positions.begin) * features > CACHE_BYTES) {
        return;
    }
    for (uint64_t at = positions.begin + batch; at < end; at++) {
        const uint8_t *image =
            s->train->images +
            (size_t)sn_sampler_at(&s->cursor->sampler, at) * features;
        for (size_t i = 0; i < features; i += LINE) {
            __builtin_prefetch(image + i);
        }
    }
}

/* Sets X and y to the samples in this range of the epoch's order; it may be empty. */
static void gather(const step *s, sn_range positions)
{
    const sn_batch *batch = &s->replica->batch;
    const size_t rows = (size_t)(positions.end - positions.begin);
    for (size_t i = 0; i < rows; i++) {
        batch->samples[i] = sn_sampler_at(&s->cursor->sampler, positions.begin + i);
    }
    if (batch->augment == NULL) {
        sn_batch_gather(s->train, s->replica->network.input, batch->samples, rows,
                        batch->x, batch->labels);
    } else {
        distort(s, rows);
    }
    prefetch_next(s, positions);
    inject_faults(s);
}

static void write_tail(const step *s, const sn_pass *pass, size_t rows, double now,
                       float *tail)
{
    const sn_requests own = s->poll == NULL ? (sn_requests){0} : s->poll(s->user, now);
    memset(tail, 0, SN_TAIL_ELEMENTS * sizeof *tail);
    tail[SN_TAIL_LOSS] = (float)pass->loss.sum;
    tail[SN_TAIL_CORRECT] = (float)pass->loss.correct;
    tail[SN_TAIL_COUNT] = (float)rows;
    tail[SN_TAIL_NON_FINITE] =
        pass->non_finite != 0 || s->products != SN_OK ? 1.0F : 0.0F;
    tail[SN_TAIL_STOP] = own.stop;
    tail[SN_TAIL_CHECKPOINT] = own.checkpoint;
    tail[SN_TAIL_FILES] = own.files;
}

/* Keeps the first failure of this rank's products. */
static void check_products(step *s)
{
    if (s->products == SN_OK) {
        s->products =
            sn_products_status(s->replica->workspace.products, &s->products_error);
    }
    if (s->products == SN_OK) {
        s->products = sn_fault_check("step.products", s->context->rank,
                                     s->cursor->position.step, &s->products_error);
    }
}

/* Sets buffer to gradient || tail of the samples in this range. */
static void compute_microbatch(step *s, sn_range positions, float *buffer)
{
    sn_replica *r = s->replica;
    const sn_position *p = &s->cursor->position;
    sn_dropout dropout = r->dropout;
    dropout.seed = p->seed;
    dropout.epoch = (uint32_t)p->epoch;
    const size_t rows = (size_t)(positions.end - positions.begin);
    const double begun = sn_clock_seconds();
    sn_watchdog_mark(s->context->comm, &gathering, p->step);
    gather(s, positions);
    const double gathered = sn_clock_seconds();
    sn_watchdog_mark(s->context->comm, &differentiating, p->step);
    const sn_pass pass =
        sn_net_gradient(&r->network, r->state.parameters, &r->workspace, r->batch.x,
                        r->batch.labels, r->batch.samples, rows, &dropout, buffer);
    const double computed = sn_clock_seconds();
    if (s->non_finite == 0) {
        s->non_finite = pass.non_finite;
    }
    check_products(s);
    write_tail(s, &pass, rows, computed, buffer + r->network.arena);
    s->profile.gather += gathered - begun;
    s->profile.forward += pass.forward_seconds;
    s->profile.backward += computed - gathered - pass.forward_seconds;
}

/* Returns the factor that makes the mean of the summed gradient and limits its norm.
 * Every rank has the whole sum, so the norm needs no collective between nodes; the
 * ranks that share a copy of the state each compute a part of it. */
static double scale_of(const step *s, const float *sum, double count)
{
    sn_replica *r = s->replica;
    const double scale = 1 / count, limit = r->optimizer.clip_norm;
    if (r->squares == NULL) {
        return scale;
    }
    sn_clip_squares(&r->network, (sn_arena_part){r->memory.part, r->memory.parts}, sum,
                    r->squares);
    sn_watchdog_mark(s->context->comm, &meeting, s->cursor->position.step);
    sn_node_memory_meet(&r->memory);
    return scale * sn_clip_factor(&r->network, limit, scale, r->squares);
}

/* Updates the state with the sum of the gradients over count samples.  Each rank
 * updates its part of the node's copy; at the end all parts are complete. */
static void update(step *s, const float *sum, double rate, double count)
{
    const double begun = sn_clock_seconds();
    const int64_t number = s->cursor->position.step;
    sn_replica *r = s->replica;
    const sn_arena_part own = {r->memory.part, r->memory.parts};
    const sn_update factors = {
        .number = number + 1, .rate = rate, .gradient_scale = scale_of(s, sum, count)};
    sn_watchdog_mark(s->context->comm, &updating, number);
    sn_optimizer_update(&r->optimizer, &r->network, own, &factors, sum, &r->state,
                        r->weights_bf16);
    sn_watchdog_mark(s->context->comm, &meeting, number);
    sn_node_memory_meet(&r->memory);
    s->profile.update = sn_clock_seconds() - begun;
}

/* Sets *sum to gradient || tail summed over the microbatches of all ranks. */
static sn_status combine_gradients(step *s, const float **sum, sn_error *err)
{
    const sn_range batch = sn_cursor_batch(s->cursor);
    const sn_microbatches microbatches = sn_reduction_own_microbatches(s->reduction);
    double pushing = 0;
    sn_reduction_begin(s->reduction);
    for (int microbatch = microbatches.begin; microbatch < microbatches.end;
         microbatch++) {
        compute_microbatch(s, sn_rank_range(batch, microbatch, microbatches.total),
                           sn_reduction_buffer(s->reduction));
        const double begun = sn_clock_seconds();
        sn_reduction_push(s->reduction);
        pushing += sn_clock_seconds() - begun;
    }
    const double begun = sn_clock_seconds();
    sn_watchdog_mark(s->context->comm, &reducing, s->cursor->position.step);
    const sn_status status = sn_reduction_finish(s->reduction, sum, err);
    s->profile.reduce = sn_clock_seconds() - begun + pushing;
    return status;
}

/* Returns the error of a step whose sum is not finite; it names the lowest rank that
 * found a non-finite number.  A failure of a rank's products takes precedence. */
static sn_status explain_divergence(const step *s, sn_error *err)
{
    const sn_context *c = s->context;
    const sn_position *p = &s->cursor->position;
    *err = s->products_error;
    sn_status status = sn_comm_agree(c->comm, s->products, err);
    if (status != SN_OK) {
        return status;
    }
    char place[40] = "the loss", where[SN_HOST_BYTES + 80];
    bool found;
    if (s->non_finite <= (int)s->replica->network.layers) {
        snprintf(place, sizeof place, "the gradient of layer%d", s->non_finite - 1);
    }
    snprintf(where, sizeof where, "%s on rank %d on %s", place, c->rank,
             sn_comm_host(c->comm));
    status = sn_comm_share_first(c->comm, s->non_finite != 0, where, sizeof where,
                                 &found, err);
    return status != SN_OK
               ? status
               : sn_fail(err, SN_EDIVERGED,
                         "training diverged (epoch %" PRId64 ", step %" PRId64
                         "): %s is not finite; lower the learning rate",
                         p->epoch + 1, p->step + 1,
                         found ? where : "the sum over ranks");
}

sn_status sn_step_run(const sn_context *context, const sn_split *train,
                      sn_replica *replica, sn_reduction *reduction, sn_cursor *cursor,
                      sn_step_poll *poll, void *user, sn_step_result *result,
                      sn_error *err)
{
    const double begun = sn_clock_seconds();
    step s = {.context = context,
              .train = train,
              .replica = replica,
              .reduction = reduction,
              .cursor = cursor,
              .poll = poll,
              .user = user};
    const float *sum = NULL;
    sn_status status = combine_gradients(&s, &sum, err);
    const float *tail = sum + replica->network.arena;
    if (status == SN_OK &&
        (tail[SN_TAIL_NON_FINITE] != 0 || !isfinite(tail[SN_TAIL_LOSS]))) {
        status = explain_divergence(&s, err);
    }
    if (status != SN_OK) {
        return status;
    }
    const double rate = sn_cursor_rate(cursor);
    update(&s, sum, rate, (double)tail[SN_TAIL_COUNT]);
    *result = (sn_step_result){.loss_sum = (double)tail[SN_TAIL_LOSS],
                               .correct = (int64_t)tail[SN_TAIL_CORRECT],
                               .count = (int64_t)tail[SN_TAIL_COUNT],
                               .rate = rate,
                               .requests = {.stop = tail[SN_TAIL_STOP] != 0,
                                            .checkpoint = tail[SN_TAIL_CHECKPOINT] != 0,
                                            .files = tail[SN_TAIL_FILES] != 0},
                               .seconds = sn_clock_seconds() - begun,
                               .profile = s.profile};
    sn_cursor_advance(cursor, rate, result->loss_sum, result->correct, result->count,
                      result->seconds);
    return SN_OK;
}
