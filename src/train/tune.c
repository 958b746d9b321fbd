#include "train/tune.h"

#include <stdlib.h>

#include "shardnet/clock.h"
#include "shardnet/mem.h"
#include "train/step.h"

/* Rows of the largest product of this rank. */
static size_t first_rows(const sn_state *state)
{
    const sn_range first =
        sn_step_piece(state, sn_step_batch(state), sn_step_pieces(state).begin);
    return (size_t)(first.end - first.begin);
}

static double pass_seconds(sn_state *state, sn_backend backend, size_t rows)
{
    sn_workspace *workspace = &state->workspace;
    workspace->backend = backend;
    const double begun = sn_clock_seconds();
    sn_net_forward_products(&state->model, state->parameters, workspace, state->x,
                            rows);
    sn_net_backward_products(&state->model, state->parameters, workspace, state->x,
                             rows, state->message);
    return sn_clock_seconds() - begun;
}

/* The least of several passes each, taken in turn: whatever else the machine does only
 * adds. */
static void measure_backends(sn_state *state, double seconds[SN_BACKENDS])
{
    static const double enough = 0.02;
    enum { FEWEST = 3, MOST = 200 };
    const size_t rows = first_rows(state);
    double spent = 0;
    for (int pass = -1; pass < FEWEST || (pass < MOST && spent < enough); pass++) {
        for (int b = SN_BACKEND_OPENBLAS; b < SN_BACKENDS; b++) {
            const double s = pass_seconds(state, (sn_backend)b, rows);
            if (pass >= 0) { /* the first generates code and touches memory */
                spent += s;
                seconds[b] = pass == 0 || s < seconds[b] ? s : seconds[b];
            }
        }
    }
}

static sn_status choose_backend(sn_state *state, sn_error *err)
{
    double *seconds = state->tuned.backend;
    if (!sn_gemm_has(SN_BACKEND_ONEDNN)) {
        state->config.compute_backend = SN_BACKEND_OPENBLAS;
        return SN_OK;
    }
    measure_backends(state, seconds);
    const sn_status status = sn_comm_sum_double(state->comm, seconds, SN_BACKENDS, err);
    for (int b = 0; b < SN_BACKENDS; b++) {
        seconds[b] /= state->size;
    }
    state->config.compute_backend =
        seconds[SN_BACKEND_ONEDNN] < seconds[SN_BACKEND_OPENBLAS] ? SN_BACKEND_ONEDNN
                                                                  : SN_BACKEND_OPENBLAS;
    return status;
}

static void drop_overlap(sn_state *state)
{
    sn_overlap_destroy(&state->overlap);
    if (state->sum != state->message) {
        free(state->sum);
    }
    state->sum = state->message;
    state->workspace.observer = NULL;
}

/* Collective. */
static sn_status make_overlap(sn_state *state, sn_error *err)
{
    const size_t arena = state->model.arena;
    const size_t bucket = (size_t)state->config.comm_bucket_kib * 1024 / sizeof(float);
    sn_status status = SN_OK;
    float *sum = sn_alloc(arena + SN_TAIL_COUNT_OF, sizeof(float));
    if (sum == NULL) {
        status = sn_fail(err, SN_ENOMEM,
                         "overlapped sums (%zu parameters): out of memory; use "
                         "comm.reduce = allreduce",
                         arena);
    } else {
        state->sum = sum;
        status = sn_overlap_create(state->comm, state->message, sum, arena, bucket,
                                   &state->overlap, err);
    }
    status = sn_comm_agree(state->comm, status, err);
    if (status != SN_OK) {
        drop_overlap(state);
        return status;
    }
    state->workspace.observer = sn_overlap_ready;
    state->workspace.observer_user = state->overlap;
    return SN_OK;
}

/* A gradient and its sum with the overlap that state has, or without. */
static sn_status sum_seconds(sn_state *state, double *seconds, sn_error *err)
{
    const sn_dropout none = {0};
    const size_t rows = first_rows(state);
    sn_status status = sn_comm_agree(state->comm, SN_OK, err); /* begin together */
    const double begun = sn_clock_seconds();
    if (status == SN_OK) {
        (void)sn_net_gradient(&state->model, state->parameters, &state->workspace,
                              state->x, state->labels, state->samples, rows, &none,
                              state->message);
        status = sn_step_sum(state, err);
    }
    *seconds = sn_clock_seconds() - begun;
    return status;
}

static sn_status measure_sums(sn_state *state, double seconds[2], sn_error *err)
{
    enum { ROUNDS = 3 }; /* after one to warm up */
    sn_overlap *overlap = state->overlap;
    float *sum = state->sum;
    sn_status status = SN_OK;
    for (int round = -1; round < ROUNDS && status == SN_OK; round++) {
        for (int way = SN_REDUCE_ALLREDUCE; way <= SN_REDUCE_OVERLAP; way++) {
            double s = 0;
            const int plain = way == SN_REDUCE_ALLREDUCE;
            state->overlap = plain ? NULL : overlap;
            state->sum = plain ? state->message : sum;
            state->workspace.observer = plain ? NULL : sn_overlap_ready;
            if (status == SN_OK) {
                status = sum_seconds(state, &s, err);
            }
            if (round >= 0) {
                seconds[way] = round == 0 || s < seconds[way] ? s : seconds[way];
            }
        }
    }
    state->overlap = overlap;
    state->sum = sum;
    state->workspace.observer = sn_overlap_ready;
    return status;
}

static sn_status choose_reduce(sn_state *state, sn_error *err)
{
    double *seconds = state->tuned.reduce;
    state->config.comm_reduce = SN_REDUCE_ALLREDUCE;
    if (state->size == 1) {
        return SN_OK;
    }
    sn_status status = make_overlap(state, err);
    if (status == SN_OK) {
        status = measure_sums(state, seconds, err);
    }
    if (status == SN_OK) {
        status = sn_comm_sum_double(state->comm, seconds, 2, err);
    }
    if (status != SN_OK) {
        return status;
    }
    seconds[0] /= state->size;
    seconds[1] /= state->size;
    if (seconds[SN_REDUCE_OVERLAP] < seconds[SN_REDUCE_ALLREDUCE]) {
        state->config.comm_reduce = SN_REDUCE_OVERLAP;
    } else {
        drop_overlap(state);
    }
    return SN_OK;
}

sn_status sn_tune(sn_state *state, sn_error *err)
{
    sn_config *config = &state->config;
    int choice[2] = {config->compute_backend, config->comm_reduce};
    sn_status status = sn_comm_broadcast(state->comm, choice, sizeof choice, 0, err);
    config->compute_backend = choice[0];
    config->comm_reduce = choice[1];
    if (status == SN_OK) {
        status = sn_config_check(config, err); /* a checkpoint of another build */
    }
    if (status == SN_OK && config->compute_backend == SN_BACKEND_AUTO) {
        status = choose_backend(state, err);
    }
    state->workspace.backend = (sn_backend)config->compute_backend;
    if (status == SN_OK && config->comm_reduce == SN_REDUCE_AUTO) {
        status = choose_reduce(state, err);
    } else if (status == SN_OK && config->comm_reduce == SN_REDUCE_OVERLAP &&
               state->size > 1) {
        status = make_overlap(state, err);
    }
    return status;
}
