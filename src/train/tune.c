#include "train/tune.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
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
    state->workspace.backend = backend;
    return sn_net_time_products(&state->model, state->parameters, &state->workspace,
                                state->x, rows, state->message);
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

static size_t message_bytes(size_t arena)
{
    return (arena + SN_TAIL_COUNT_OF) * sizeof(float);
}

size_t sn_tune_bytes(const sn_config *config, size_t arena, int rank, int size,
                     int node_size)
{
    const size_t message = message_bytes(arena), length = message / sizeof(float);
    const sn_wire wire = (sn_wire)config->comm_wire;
    const int reduce = config->comm_reduce;
    if (reduce == SN_REDUCE_REPRODUCIBLE) {
        return message + sn_tree_bytes(length, (int)config->comm_leaves, rank, size);
    }
    if (size == 1) {
        return message;
    }
    if (reduce == SN_REDUCE_NODE && node_size > 1) {
        return sn_node_sum_bytes(length);
    }
    return reduce == SN_REDUCE_OVERLAP || wire != SN_WIRE_FP32
               ? 2 * message + sn_overlap_bytes(arena, wire)
               : message;
}

/* A message of this rank's own, which is its sum too. */
static sn_status make_message(sn_state *state, sn_error *err)
{
    const size_t arena = state->model.arena;
    state->message = sn_alloc(message_bytes(arena), 1);
    state->sum = state->message;
    const sn_status status =
        state->message == NULL
            ? sn_fail(err, SN_ENOMEM,
                      "gradients (%zu parameters): out of memory; use fewer ranks on a "
                      "node",
                      arena)
            : SN_OK;
    return sn_comm_agree(state->comm, status, err);
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
        state->config.comm_reduce == SN_REDUCE_REPRODUCIBLE) {
        state->workspace.backend = SN_BACKEND_OPENBLAS;
        state->config.compute_backend = SN_BACKEND_OPENBLAS;
        return SN_OK;
    }
    sn_status status = make_message(state, err);
    if (status == SN_OK) {
        measure_backends(state, seconds);
        status = sn_comm_sum_double(state->comm, seconds, SN_BACKENDS, err);
    }
    sn_tune_drop(state);
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
    sn_overlap_destroy(&state->overlap);
    if (state->sum != state->message && state->node_sum == NULL) {
        free(state->sum);
    }
    if (state->node_sum == NULL) {
        free(state->message);
    }
    sn_node_sum_destroy(&state->node_sum);
    state->message = state->sum = NULL;
    state->workspace.observer = NULL;
}

/* Buckets of this many elements, sent during the backward pass or after it. */
static sn_status make_overlap(sn_state *state, size_t bucket, bool during,
                              sn_error *err)
{
    const size_t arena = state->model.arena;
    sn_status status = make_message(state, err);
    if (status != SN_OK) {
        return status;
    }
    float *sum = sn_alloc(message_bytes(arena), 1);
    if (sum == NULL) {
        status = sn_fail(err, SN_ENOMEM,
                         "sums over ranks (%zu parameters): out of memory; use "
                         "comm.reduce = allreduce and comm.wire = fp32",
                         arena);
    } else {
        state->sum = sum;
    }
    status = sn_comm_agree(state->comm, status, err);
    if (status == SN_OK) {
        status =
            sn_overlap_create(state->comm, state->message, sum, arena, bucket,
                              (sn_wire)state->config.comm_wire, &state->overlap, err);
    }
    if (status != SN_OK) {
        sn_tune_drop(state);
        return status;
    }
    state->workspace.observer = during ? sn_overlap_ready : NULL;
    state->workspace.observer_user = state->overlap;
    return SN_OK;
}

/* Messages and their sum in shared memory, where they can be; else a message that MPI
 * sums. */
static sn_status make_node_sum(sn_state *state, sn_error *err)
{
    const sn_status status = sn_node_sum_create(
        state->comm, state->model.arena + SN_TAIL_COUNT_OF, &state->node_sum, err);
    if (status == SN_OK && state->node_sum != NULL) {
        state->message = sn_node_sum_message(state->node_sum);
        state->sum = sn_node_sum_result(state->node_sum);
        return SN_OK;
    }
    return status == SN_OK ? make_message(state, err) : status;
}

/* Makes the message and what comm.reduce and comm.wire need for its sum. */
static sn_status make_reduce(sn_state *state, int reduce, sn_error *err)
{
    const sn_config *config = &state->config;
    if (state->size == 1 || reduce == SN_REDUCE_REPRODUCIBLE) {
        return make_message(state, err);
    }
    if (reduce == SN_REDUCE_OVERLAP) {
        const size_t bucket = (size_t)config->comm_bucket_kib * 1024 / sizeof(float);
        return make_overlap(state, bucket, true, err);
    }
    if (reduce == SN_REDUCE_NODE) {
        return make_node_sum(state, err);
    }
    return config->comm_wire == SN_WIRE_FP32
               ? make_message(state, err)
               : make_overlap(state, state->model.arena, false, err);
}

/* A gradient and its sum with the overlap that state has, or without. */
static sn_status sum_seconds(sn_state *state, double *seconds, sn_error *err)
{
    const sn_dropout none = {0};
    const size_t rows = first_rows(state);
    sn_status status = sn_comm_agree(state->comm, SN_OK, err); /* begin together */
    const double begun = sn_clock_seconds();
    if (status == SN_OK) {
        sn_node_sum_begin(state->node_sum);
        (void)sn_net_gradient(&state->model, state->parameters, &state->workspace,
                              state->x, state->labels, state->samples, rows, &none,
                              state->message);
        status = sn_step_sum(state, err);
    }
    *seconds = sn_clock_seconds() - begun;
    return status;
}

/* The least of a few, after one to warm up. */
static sn_status measure_sums(sn_state *state, double *seconds, sn_error *err)
{
    enum { ROUNDS = 3 };
    sn_status status = SN_OK;
    for (int round = -1; round < ROUNDS && status == SN_OK; round++) {
        double s = 0;
        status = sum_seconds(state, &s, err);
        *seconds = round <= 0 || s < *seconds ? s : *seconds;
    }
    return status == SN_OK ? sn_comm_sum_double(state->comm, seconds, 1, err) : status;
}

static sn_status choose_reduce(sn_state *state, sn_error *err)
{
    double *seconds = state->tuned.reduce;
    const int last =
        state->config.comm_wire == SN_WIRE_FP32 ? SN_REDUCE_NODE : SN_REDUCE_OVERLAP;
    int best = SN_REDUCE_ALLREDUCE;
    sn_status status = SN_OK;
    for (int way = SN_REDUCE_ALLREDUCE; way <= last && state->size > 1; way++) {
        if (status == SN_OK) {
            status = make_reduce(state, way, err);
        }
        if (status == SN_OK && (way != SN_REDUCE_NODE || state->node_sum != NULL)) {
            status = measure_sums(state, &seconds[way], err);
            seconds[way] /= state->size;
            best = seconds[way] < seconds[best] ? way : best;
        }
        sn_tune_drop(state);
    }
    if (state->size > 1) {
        state->config.comm_reduce = best;
    }
    return status;
}

void sn_tune_loops(const sn_state *state)
{
    if (!steps_use_onednn(state)) {
        sn_gemm_limit_loops(state->workspace.backend);
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
    if (status == SN_OK && config->comm_reduce == SN_REDUCE_AUTO) {
        status = choose_reduce(state, err);
    }
    return status == SN_OK ? make_reduce(state, config->comm_reduce, err) : status;
}
