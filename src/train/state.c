#include "train/state.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "eval/evaluate.h"
#include "nn/products/gemm.h"
#include "run/lock.h"
#include "train/deadline.h"
#include "train/tune.h"

static sn_status choose_threads(sn_state *state, sn_error *err)
{
    sn_status status = sn_node_cores_find(state->comm, &state->cores, err);
    if (status != SN_OK) {
        return status;
    }
    int64_t wanted = state->config.compute_threads;
    if (sn_reduction_of(state->config.comm_reduce)->fixed_order) {
        wanted = 1; /* the BLAS may add in another order on more threads */
    }
    state->threads = wanted > 0 ? (int)wanted : state->cores.threads;
    if (wanted > state->cores.most) {
        status = sn_config_refuse(
            &state->config, "compute", "threads", err,
            "%d, but the affinity mask leaves %d to this rank of %d on its node; use "
            "auto, fewer ranks, or bind ranks to more cores (mpirun --bind-to none)",
            (int)wanted, state->cores.most, sn_comm_node_size(state->comm));
    }
    status = sn_comm_agree(state->comm, status, err);
    if (status == SN_OK) {
        sn_gemm_set_threads(state->threads);
    }
    return status;
}

/* Nodes may differ. */
static sn_status check_precision(const sn_state *state, sn_error *err)
{
    sn_error found = {""};
    sn_status status =
        sn_precision_check((sn_precision)state->config.compute_precision, &found);
    if (status == SN_OK) {
        status = sn_fault_check("state.precision", state->rank, -1, &found);
    }
    if (status != SN_OK) {
        status = sn_config_refuse(&state->config, "compute", "precision", err,
                                  "on %s: bf16 needs %s; use fp32, or bf16_emulated to "
                                  "see what rounding does",
                                  sn_comm_host(state->comm), found.message);
    }
    return sn_comm_agree(state->comm, status, err);
}

sn_status sn_state_refuse_model(const sn_config *config, sn_error *err)
{
    const sn_error why = *err;
    return sn_config_refuse(config, "model", "hidden", err, "too large: %s",
                            why.message);
}

/* On the way out of a failure, the same on every rank: by the data or by the key? */
static sn_status explain_data(const sn_config *config, const sn_dataset_spec *spec,
                              sn_status status, sn_error *err)
{
    sn_dataset_shape shape;
    sn_error why;
    if (status == SN_ECONFIG && sn_dataset_probe(spec, &shape, &why) == SN_OK &&
        sn_config_check_data(config, &shape, &why) != SN_OK) {
        *err = why;
    }
    return status;
}

static sn_status make_model(sn_state *state, sn_error *err)
{
    const sn_widths *hidden = &state->config.model_hidden;
    sn_status status = sn_network_init(
        &state->model, state->loaded.data.features, hidden->width, hidden->count,
        state->loaded.data.classes, (sn_activation)state->config.model_activation, err);
    if (status == SN_OK) {
        status = sn_config_check_reduction(&state->config, state->model.arena,
                                           SN_TAIL_COUNT_OF, state->size, err);
    }
    return status == SN_ERANGE ? sn_state_refuse_model(&state->config, err) : status;
}

static size_t workspace_rows(const sn_config *config, uint64_t train_count, int size)
{
    uint64_t batch = (uint64_t)config->train_batch;
    if (batch > train_count) {
        batch = train_count;
    }
    const sn_reduction_spec spec = sn_config_reduction(config, 0, 0);
    const sn_pieces pieces =
        sn_reduction_pieces(sn_reduction_of(config->comm_reduce), &spec, 0, size);
    const size_t rows = (size_t)sn_rank_range_max(batch, pieces.total);
    return rows > SN_EVALUATION_ROWS ? rows : SN_EVALUATION_ROWS;
}

sn_state_sizes sn_state_sizes_of(const sn_config *config, const sn_network *model,
                                 uint64_t train_count, int size)
{
    const size_t rows = workspace_rows(config, train_count, size);
    const sn_precision precision = (sn_precision)config->compute_precision;
    return (sn_state_sizes){
        .rows = rows,
        .parameters = model->arena * sizeof(float),
        .velocity = model->arena * sizeof(float),
        .rounded = precision == SN_PRECISION_FP32 ? 0 : model->arena * sizeof(uint16_t),
        .workspace = sn_workspace_bytes(model, rows, config->model_dropout_hidden > 0) +
                     sn_workspace_round_bytes(model, rows, precision),
        .x = rows * model->input * sizeof(float),
        .labels = rows,
        .samples = rows * sizeof(uint32_t)};
}

static sn_status make_rounded(sn_state *state, size_t bytes, sn_error *err)
{
    const sn_precision precision = (sn_precision)state->config.compute_precision;
    if (precision == SN_PRECISION_FP32) {
        return SN_OK;
    }
    state->rounded = sn_alloc(bytes, 1);
    return state->rounded == NULL
               ? sn_fail(err, SN_ENOMEM,
                         "model (%zu parameters in bf16): out of memory; use precision "
                         "= fp32",
                         state->model.parameters)
               : sn_workspace_round(&state->workspace, &state->model, precision,
                                    state->rounded, err);
}

static sn_status allocate(sn_state *state, sn_error *err)
{
    const sn_network *model = &state->model;
    const sn_state_sizes sizes = sn_state_sizes_of(
        &state->config, model, state->loaded.data.train.count, state->size);
    sn_status status = sn_workspace_init(&state->workspace, model, sizes.rows,
                                         state->config.model_dropout_hidden > 0, err);
    if (status != SN_OK) {
        return status;
    }
    state->parameters = sn_alloc(sizes.parameters, 1);
    state->velocity = sn_alloc(sizes.velocity, 1);
    state->x = sn_alloc(sizes.x, 1);
    state->labels = sn_alloc(sizes.labels, 1);
    state->samples = sn_alloc(sizes.samples, 1);
    state->tensors = calloc(model->layers, sizeof *state->tensors);
    if (state->parameters == NULL || state->velocity == NULL || state->x == NULL ||
        state->labels == NULL || state->samples == NULL || state->tensors == NULL) {
        return sn_fail(err, SN_ENOMEM,
                       "model (%zu parameters, %zu rows a rank): out of memory; use a "
                       "smaller batch or model, or fewer ranks on a node",
                       model->parameters, sizes.rows);
    }
    sn_checkpoint_tensors(model, state->parameters, state->velocity, state->tensors);
    status = make_rounded(state, sizes.rounded, err);
    if (status != SN_OK) {
        return status;
    }
    if (state->config.augment_kind != SN_AUGMENT_NONE) {
        const sn_augment_spec spec = sn_config_augment(&state->config);
        const sn_dataset *data = &state->loaded.data;
        state->augment = calloc((size_t)state->threads, sizeof *state->augment);
        if (state->augment == NULL) {
            return sn_fail(err, SN_ENOMEM, "distortions: out of memory");
        }
        for (int t = 0; t < state->threads && status == SN_OK; t++) {
            status = sn_augment_create(&spec, data->rows, data->cols,
                                       &state->augment[t], err);
        }
        if (status != SN_OK) {
            return status;
        }
    }
    if (state->rank == 0) {
        state->busy = calloc((size_t)state->size, sizeof *state->busy);
        if (state->busy == NULL) {
            return sn_fail(err, SN_ENOMEM, "ranks: out of memory");
        }
        status = sn_writer_create(model, &state->writer, err);
        if (status != SN_OK) {
            return status;
        }
    }
    return sn_fault_check("state.allocate", state->rank, -1, err);
}

sn_status sn_state_open(sn_state *state, sn_comm *comm, const sn_config *config,
                        const sn_train_options *options, sn_error *err)
{
    memset(state, 0, sizeof *state);
    state->comm = comm;
    state->config = *config;
    state->options = options;
    state->rank = sn_comm_rank(comm);
    state->size = sn_comm_size(comm);
    state->started = sn_clock_seconds();
    state->saved_step = state->replicas_step = -1;
    state->lock = -1;
    state->job_seconds = sn_deadline_seconds_left();
    state->stop_seconds =
        state->job_seconds - sn_deadline_margin(state->job_seconds, 0);

    sn_status status = choose_threads(state, err);
    if (status == SN_OK) {
        status = check_precision(state, err);
    }
    if (status == SN_OK) {
        const sn_dataset_spec spec = sn_config_dataset(config);
        status = sn_loader_data(comm, &spec, &state->loaded, err);
        status = explain_data(config, &spec, status, err);
    }
    if (status == SN_OK) {
        status = make_model(state, err);
        if (status == SN_OK) {
            status = allocate(state, err);
        }
        status = sn_comm_agree(comm, status, err);
    }
    if (status != SN_OK) {
        sn_state_close(state);
        return status;
    }
    /* a later reader may stand in another folder */
    char absolute[PATH_MAX];
    if (config->data_dir[0] != '\0' && realpath(config->data_dir, absolute) != NULL &&
        strlen(absolute) < SN_PATH_BYTES) {
        strcpy(state->config.data_dir, absolute);
    }
    state->optimizer = sn_config_optimizer(config);
    state->schedule = sn_config_schedule(config);
    state->steps_per_epoch = (int64_t)sn_steps_per_epoch(state->loaded.data.train.count,
                                                         (uint64_t)config->train_batch);
    return SN_OK;
}

void sn_state_round(sn_state *state)
{
    if (state->rounded != NULL) {
        sn_network_round(&state->model, state->parameters, state->rounded);
    }
}

void sn_state_close(sn_state *state)
{
    sn_writer_destroy(&state->writer);
    sn_workspace_clear(&state->workspace, &state->model);
    sn_network_clear(&state->model);
    sn_loaded_clear(&state->loaded);
    free(state->parameters);
    free(state->velocity);
    free(state->rounded);
    sn_tune_drop(state);
    free(state->x);
    free(state->labels);
    free(state->samples);
    for (int t = 0; t < state->threads && state->augment != NULL; t++) {
        sn_augment_destroy(&state->augment[t]);
    }
    free(state->augment);
    free(state->tensors);
    sn_rows_clear(&state->pending);
    free(state->busy);
    if (state->options != NULL) {
        sn_run_unlock(state->options->run, &state->lock);
    }
    memset(state, 0, sizeof *state);
}
