/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/step/replica.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "data/sampler.h"
#include "dist/reduce/reduction.h"
#include "eval/evaluate.h"
#include "nn/clip.h"
#include "nn/net.h"

/* Returns the rows of the buffers: those of the largest microbatch, or of a block of
 * the evaluation, which uses the same buffers. */
static size_t capacity(const sn_config *config, uint64_t train_count, int size)
{
    const uint64_t wanted = (uint64_t)config->train_batch;
    const uint64_t batch = wanted < train_count ? wanted : train_count;
    const sn_reduction_spec spec = sn_config_reduction(config, 0, 0);
    const int microbatches = sn_reduction_microbatches(&spec, 0, size).total;
    const size_t rows = (size_t)sn_rank_range_max(batch, microbatches);
    return rows > SN_EVALUATION_ROWS ? rows : SN_EVALUATION_ROWS;
}

sn_replica_sizes sn_replica_sizes_of(const sn_config *config, const sn_network *network,
                                     uint64_t train_count, int size)
{
    const size_t rows = capacity(config, train_count, size);
    const sn_precision precision = (sn_precision)config->compute_precision;
    const sn_optimizer optimizer = sn_config_optimizer(config);
    const size_t state = sn_state_elements(&optimizer, network);
    const size_t average = optimizer.average > 0 ? network->arena * sizeof(float) : 0;
    return (sn_replica_sizes){
        .rows = rows,
        .parameters = network->arena * sizeof(float),
        .moments = (state - network->arena) * sizeof(float) - average,
        .average = average,
        .squares =
            optimizer.clip_norm > 0 ? sn_clip_blocks(network) * sizeof(double) : 0,
        .weights_bf16 =
            precision == SN_PRECISION_FP32 ? 0 : network->arena * sizeof(uint16_t),
        .workspace = sn_workspace_bytes(network, rows, config->model_dropout_hidden > 0,
                                        precision),
        .x = rows * network->input * sizeof(float),
        .labels = rows,
        .samples = rows * sizeof(uint32_t)};
}

static size_t state_bytes(const sn_replica_sizes *sizes)
{
    return sizes->parameters + sizes->moments + sizes->average + sizes->weights_bf16 +
           sizes->squares;
}

bool sn_replica_shares_state(const sn_replica_sizes *sizes, int node_ranks)
{
    static const size_t least_bytes = (size_t)16 << 20; /* sum of the private copies */
    return node_ranks > 1 && state_bytes(sizes) >= least_bytes / (size_t)node_ranks;
}

sn_status sn_replica_network(const sn_config *config, size_t input, size_t classes,
                             int size, sn_network *network, sn_error *err)
{
    const sn_widths *hidden = &config->model_hidden;
    sn_status status =
        sn_network_init(network, input, hidden->width, hidden->count, classes,
                        (sn_activation)config->model_activation, err);
    if (status == SN_OK) {
        status = sn_config_check_reduction(config, network->arena, SN_TAIL_ELEMENTS,
                                           size, err);
    }
    if (status == SN_ERANGE) {
        const sn_error why = *err;
        status = sn_config_refuse(config, "model", "hidden", err, "too large: %s",
                                  why.message);
    }
    return status;
}

/* Allocates the state.  Collective. */
static sn_status allocate_state(sn_comm *comm, sn_replica *replica,
                                const sn_replica_sizes *sizes, sn_error *err)
{
    const sn_network *network = &replica->network;
    const bool share =
        comm != NULL &&
        (sn_replica_shares_state(sizes, sn_comm_node_size(comm)) ||
         sn_fault_check("replica.share", sn_comm_rank(comm), -1, NULL) != SN_OK);
    const sn_status status = sn_node_memory_init(comm, state_bytes(sizes), share,
                                                 "model", &replica->memory, err);
    if (status == SN_ENOMEM) {
        return sn_fail(err, SN_ENOMEM,
                       "model (%zu parameters): out of memory; use a smaller model, or "
                       "fewer ranks per node",
                       network->parameters);
    }
    if (status == SN_OK) {
        float *data = (float *)(void *)replica->memory.data;
        replica->state = sn_state_at(&replica->optimizer, network, data);
        if (sizes->weights_bf16 > 0) {
            replica->weights_bf16 = (uint16_t *)(data + replica->state.elements);
        }
        if (sizes->squares > 0) {
            uint8_t *end = replica->memory.data + state_bytes(sizes);
            replica->squares = (double *)(void *)(end - sizes->squares);
        }
        replica->workspace.weights_bf16 = replica->weights_bf16;
        sn_checkpoint_tensors(network, &replica->state, replica->tensors);
    }
    return status;
}

static sn_status allocate_augment(sn_batch *batch, const sn_config *config,
                                  const sn_dataset *data, int threads, sn_error *err)
{
    const sn_augment_spec spec = sn_config_augment(config);
    if (!sn_augment_is_active(&spec)) {
        return SN_OK;
    }
    batch->augment = calloc((size_t)threads, sizeof *batch->augment);
    if (batch->augment == NULL) {
        return sn_fail(err, SN_ENOMEM, "distortions: out of memory");
    }
    sn_status status = SN_OK;
    for (int t = 0; t < threads && status == SN_OK; t++) {
        status =
            sn_augment_create(&spec, data->rows, data->cols, &batch->augment[t], err);
        batch->augment_count += status == SN_OK;
    }
    return status;
}

static sn_status allocate_batch(sn_batch *batch, const sn_replica_sizes *sizes,
                                sn_error *err)
{
    batch->x = sn_alloc(sizes->x, 1);
    batch->labels = sn_alloc(sizes->labels, 1);
    batch->samples = sn_alloc(sizes->samples, 1);
    return batch->x != NULL && batch->labels != NULL && batch->samples != NULL
               ? SN_OK
               : sn_fail(err, SN_ENOMEM,
                         "batch (%zu rows per rank): out of memory; use a smaller "
                         "batch, or fewer ranks per node",
                         sizes->rows);
}

/* Allocates all that the ranks of a node do not share. */
static sn_status allocate_private(sn_replica *replica, const sn_config *config,
                                  const sn_dataset *data, int threads,
                                  const sn_replica_sizes *sizes, sn_error *err)
{
    sn_status status = sn_workspace_init(&replica->workspace, &replica->network,
                                         sizes->rows, config->model_dropout_hidden > 0,
                                         (sn_precision)config->compute_precision, err);
    if (status == SN_OK) {
        replica->workspace.label_smoothing = config->train_label_smoothing;
        status = allocate_batch(&replica->batch, sizes, err);
    }
    return status == SN_OK
               ? allocate_augment(&replica->batch, config, data, threads, err)
               : status;
}

sn_status sn_replica_open(sn_comm *comm, sn_replica *replica, const sn_config *config,
                          const sn_dataset *data, int threads, sn_error *err)
{
    const int size = comm == NULL ? 1 : sn_comm_size(comm);
    sn_replica_sizes sizes = {0};
    *replica = (sn_replica){.optimizer = sn_config_optimizer(config),
                            .dropout = {.input = config->model_dropout_input,
                                        .hidden = config->model_dropout_hidden}};
    sn_status status = sn_replica_network(config, data->features, data->classes, size,
                                          &replica->network, err);
    if (status == SN_OK) {
        sizes = sn_replica_sizes_of(config, &replica->network, data->train.count, size);
        status = allocate_private(replica, config, data, threads, &sizes, err);
    }
    if (comm != NULL) {
        status = sn_comm_agree(comm, status, err);
    }
    return status == SN_OK ? allocate_state(comm, replica, &sizes, err) : status;
}

void sn_replica_draw(sn_replica *replica, const sn_config *config, uint64_t seed)
{
    sn_init_parameters(&replica->network, (sn_init)config->model_init,
                       config->model_init_scale, seed, replica->state.parameters);
    sn_state_start_average(&replica->network, &replica->state);
}

sn_status sn_replica_distribute(sn_comm *comm, sn_replica *replica,
                                sn_position *position, sn_error *err)
{
    if (sn_comm_rank(comm) == 0 && replica->weights_bf16 != NULL) {
        sn_network_weights_to_bf16(&replica->network, replica->state.parameters,
                                   replica->weights_bf16);
    }
    const sn_status status =
        sn_comm_broadcast(comm, position, sizeof *position, 0, err);
    return status == SN_OK ? sn_node_memory_distribute(comm, &replica->memory, err)
                           : status;
}

void sn_replica_close(sn_replica *replica)
{
    sn_batch *batch = &replica->batch;
    sn_workspace_clear(&replica->workspace);
    sn_network_clear(&replica->network);
    sn_node_memory_clear(&replica->memory);
    free(batch->x);
    free(batch->labels);
    free(batch->samples);
    for (int t = 0; t < batch->augment_count; t++) {
        sn_augment_destroy(&batch->augment[t]);
    }
    free(batch->augment);
    memset(replica, 0, sizeof *replica);
}
