#include "train/tune.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "train/step.h"

/* Rows of the largest product of this rank. */
static size_t first_rows(const sn_state *state)
{
    const sn_pieces pieces = sn_step_pieces(state);
    const sn_range first =
        sn_rank_range(sn_step_batch(state), pieces.begin, pieces.total);
    return (size_t)(first.end - first.begin);
}

static double pass_seconds(sn_state *state, sn_backend backend, size_t rows,
                           float *gradient)
{
    state->workspace.backend = backend;
    return sn_net_time_products(&state->model, state->parameters, &state->workspace,
                                state->x, rows, gradient);
}

/* The least of several passes each, taken in turn: whatever else the machine does only
 * adds.  gradient (arena) is overwritten. */
static void measure_backends(sn_state *state, float *gradient,
                             double seconds[SN_BACKENDS])
{
    static const double enough = 0.02;
    enum { FEWEST = 3, MOST = 200 };
    const size_t rows = first_rows(state);
    double spent = 0;
    for (int pass = -1; pass < FEWEST || (pass < MOST && spent < enough); pass++) {
        for (int b = SN_BACKEND_OPENBLAS; b < SN_BACKENDS; b++) {
            const double s = pass_seconds(state, (sn_backend)b, rows, gradient);
            if (pass >= 0) { /* the first generates code and touches memory */
                spent += s;
                seconds[b] = pass == 0 || s < seconds[b] ? s : seconds[b];
            }
        }
    }
}

/* Are a step's products oneDNN's, whatever the backend? */
static bool steps_use_onednn(const sn_state *state)
{
    return state->config.compute_precision == SN_PRECISION_BF16;
}

/* What goes into the configuration a resumed run keeps, whatever it is resumed with. */
static sn_status choose_backend(sn_state *state, sn_error *err)
{
    double *seconds = state->tuned.backend;
    if (steps_use_onednn(state)) { /* evaluation too, as long as they do */
        state->workspace.backend = SN_BACKEND_ONEDNN;
        return SN_OK;
    }
    /* what a stopwatch says differs from run to run, and so would the bits */
    if (!sn_gemm_has(SN_BACKEND_ONEDNN) ||
        sn_reduction_of(state->config.comm_reduce)->fixed_order) {
        state->workspace.backend = SN_BACKEND_OPENBLAS;
        state->config.compute_backend = SN_BACKEND_OPENBLAS;
        return SN_OK;
    }
    float *gradient = sn_alloc(state->model.arena, sizeof *gradient);
    sn_status status =
        gradient == NULL ? sn_fail(err, SN_ENOMEM, "gradients: out of memory") : SN_OK;
    status = sn_comm_agree(state->comm, status, err);
    if (status == SN_OK) {
        measure_backends(state, gradient, seconds);
        status = sn_comm_sum_double(state->comm, seconds, SN_BACKENDS, err);
    }
    free(gradient);
    for (int b = 0; b < SN_BACKENDS; b++) {
        seconds[b] /= state->size;
    }
    state->workspace.backend = seconds[SN_BACKEND_ONEDNN] < seconds[SN_BACKEND_OPENBLAS]
                                   ? SN_BACKEND_ONEDNN
                                   : SN_BACKEND_OPENBLAS;
    state->config.compute_backend = (int)state->workspace.backend;
    return status;
}

void sn_tune_drop(sn_state *state)
{
    sn_reduction_destroy(&state->reduction);
    state->sum = NULL;
    state->workspace.observer = NULL;
}

static sn_reduction_spec spec_of(const sn_state *state)
{
    return sn_config_reduction(&state->config, state->model.arena, SN_TAIL_COUNT_OF);
}

static sn_status make_reduction(sn_state *state, const sn_reduction_kind *kind,
                                sn_error *err)
{
    const sn_reduction_spec spec = spec_of(state);
    const sn_status status =
        sn_reduction_create(state->comm, kind, &spec, &state->reduction, err);
    if (status == SN_OK && sn_reduction_wants_ready(state->reduction)) {
        state->workspace.observer = sn_reduction_ready;
        state->workspace.observer_user = state->reduction;
    }
    return status;
}

/* One gradient and its reduction. */
static sn_status reduction_seconds(sn_state *state, double *seconds, sn_error *err)
{
    const sn_dropout none = {0};
    const size_t rows = first_rows(state);
    sn_status status = sn_comm_agree(state->comm, SN_OK, err); /* begin together */
    const double begun = sn_clock_seconds();
    if (status == SN_OK) {
        sn_reduction_begin(state->reduction);
        (void)sn_net_gradient(&state->model, state->parameters, &state->workspace,
                              state->x, state->labels, state->samples, rows, &none,
                              sn_reduction_buffer(state->reduction));
        sn_reduction_push(state->reduction);
        status = sn_reduction_finish(state->reduction, &state->sum, err);
    }
    *seconds = sn_clock_seconds() - begun;
    return status;
}

/* The least of a few, after one to warm up; the mean over ranks. */
static sn_status measure_reduction(sn_state *state, double *seconds, sn_error *err)
{
    enum { ROUNDS = 3 };
    sn_status status = SN_OK;
    for (int round = -1; round < ROUNDS && status == SN_OK; round++) {
        double s = 0;
        status = reduction_seconds(state, &s, err);
        *seconds = round <= 0 || s < *seconds ? s : *seconds;
    }
    if (status == SN_OK) {
        status = sn_comm_sum_double(state->comm, seconds, 1, err);
    }
    *seconds /= state->size;
    return status;
}

/* Does auto measure this kind with the rest of the configuration? */
static bool is_candidate(const sn_state *state, const sn_reduction_kind *kind)
{
    const sn_reduction_spec spec = spec_of(state);
    const char *key;
    return kind->measured &&
           sn_reduction_check(kind, &spec, state->size, &key, NULL) == SN_OK;
}

/* Measures what these ranks can have, and takes the fastest. */
static sn_status choose_reduction(sn_state *state, sn_error *err)
{
    double *seconds = state->tuned.reduce;
    int best = SN_REDUCE_AUTO;
    sn_status status = SN_OK;
    for (int k = 0; k < SN_REDUCE_AUTO && status == SN_OK; k++) {
        const sn_reduction_kind *kind = sn_reduction_of(k);
        if (!is_candidate(state, kind)) {
            continue;
        }
        status = make_reduction(state, kind, err);
        if (status == SN_OK && sn_reduction_acting(state->reduction) == kind) {
            status = measure_reduction(state, &seconds[k], err);
            best = best == SN_REDUCE_AUTO || seconds[k] < seconds[best] ? k : best;
        }
        sn_tune_drop(state);
    }
    state->config.comm_reduce = best;
    return status;
}

void sn_tune_loops(const sn_state *state)
{
    if (!sn_gemm_bears_loops(state->workspace.backend) && !steps_use_onednn(state)) {
        sn_set_threads(1);
    }
}

sn_status sn_tune(sn_state *state, sn_error *err)
{
    sn_config *config = &state->config;
    int choice[2] = {config->compute_backend, config->comm_reduce};
    sn_status status = sn_comm_broadcast(state->comm, choice, sizeof choice, 0, err);
    config->compute_backend = choice[0];
    config->comm_reduce = choice[1];
    if (status == SN_OK) {
        status = sn_config_check(config, err); /* other ranks may have another build */
    }
    state->workspace.backend = (sn_backend)config->compute_backend;
    if (status == SN_OK && config->compute_backend == SN_BACKEND_AUTO) {
        status = choose_backend(state, err);
    }
    sn_tune_loops(state);
    if (status == SN_OK && config->comm_reduce == SN_REDUCE_AUTO && state->size > 1) {
        status = choose_reduction(state, err);
    }
    return status == SN_OK
               ? make_reduction(state, sn_reduction_of(config->comm_reduce), err)
               : status;
}
