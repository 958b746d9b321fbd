/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/plan.h"

#include <math.h>

#include "data/sampler.h"
#include "run/writer.h"
#include "store/checkpoint/checkpoint.h"
#include "train/step/replica.h"

static sn_status find_data(sn_plan_base *base, size_t *classes, sn_error *err)
{
    static const sn_dataset_shape mnist = {60000, 10000, 28, 28};
    const sn_dataset_spec spec = sn_config_dataset(&base->config);
    *classes = 10;
    sn_status status = sn_dataset_probe(&spec, &base->data, err);
    if (status == SN_OK) {
        status = sn_dataset_classes(&spec, &base->data, classes, err);
    } else if (status == SN_ENOINPUT) {
        base->data = mnist;
        base->data_assumed = spec.source == SN_SOURCE_IDX;
        status = SN_OK;
    }
    if (status == SN_OK && !sn_dataset_bytes(&base->data, &base->data_bytes)) {
        status = sn_fail(err, SN_ERANGE, "data set: larger than the address space");
    }
    base->train_count = sn_dataset_train_count(&spec, &base->data);
    return status == SN_OK ? sn_config_check_data(&base->config, &base->data, err)
                           : status;
}

static size_t checkpoint_bytes(const sn_network *network, const sn_optimizer *optimizer)
{
    const sn_checkpoint_info info = {.layers = (int64_t)network->layers,
                                     .second_moments = optimizer->kind == SN_ADAMW,
                                     .averaged = optimizer->average > 0};
    sn_layer_tensors shapes[SN_MAX_HIDDEN + 1] = {{.in = 0}};
    for (size_t l = 0; l < network->layers; l++) {
        shapes[l].in = (int64_t)network->layer[l].in;
        shapes[l].out = (int64_t)network->layer[l].out;
    }
    return sn_checkpoint_bytes(&info, shapes);
}

sn_status sn_plan_open(const sn_config *config, sn_plan_base *base, sn_error *err)
{
    *base = (sn_plan_base){.config = *config};
    size_t classes;
    sn_status status = find_data(base, &classes, err);
    if (status == SN_OK) {
        status = sn_replica_network(config, base->data.rows * base->data.cols, classes,
                                    0, &base->network, err);
    }
    if (status != SN_OK) {
        return status;
    }
    base->optimizer = sn_config_optimizer(config);
    base->checkpoint_bytes = checkpoint_bytes(&base->network, &base->optimizer);
    const uint64_t batch = (uint64_t)config->train_batch;
    const sn_range first = sn_step_range(base->train_count, batch, 0);
    base->updates = (int64_t)sn_steps_per_epoch(base->train_count, batch);
    base->batch = (int64_t)first.end;
    base->gradient_buffer_bytes =
        (double)(base->network.arena + SN_TAIL_ELEMENTS) * sizeof(float);
    base->flops = sn_net_product_flops(&base->network, (size_t)base->batch);
    return SN_OK;
}

void sn_plan_clear(sn_plan_base *base)
{
    sn_network_clear(&base->network);
}

static sn_reduction_spec spec_of(const sn_plan_base *base, int ranks, int node_ranks)
{
    sn_reduction_spec spec =
        sn_config_reduction(&base->config, base->network.arena, SN_TAIL_ELEMENTS);
    if (base->config.comm_reduce == SN_REDUCE_AUTO) {
        const bool even = ranks % node_ranks == 0;
        spec.kind = sn_reduction_of(
            (int)sn_reduction_rule(&spec, ranks, even ? node_ranks : 0));
    }
    return spec;
}

/* Returns the number of images in a rank's shard of a full batch. */
static int64_t images_of(const sn_plan_base *base, const sn_plan *plan, int rank)
{
    const sn_microbatches microbatches =
        sn_reduction_microbatches(&plan->spec, rank, plan->ranks);
    int64_t images = 0;
    for (int p = microbatches.begin; p < microbatches.end; p++) {
        const sn_range microbatch =
            sn_rank_range((sn_range){0, (uint64_t)base->batch}, p, microbatches.total);
        images += (int64_t)(microbatch.end - microbatch.begin);
    }
    return images;
}

static void cut_batch(const sn_plan_base *base, sn_plan *plan)
{
    const uint64_t batch = (uint64_t)base->config.train_batch;
    const sn_range last =
        sn_step_range(base->train_count, batch, (uint64_t)base->updates - 1);
    plan->last_batch = (int64_t)(last.end - last.begin);
    plan->largest_shard = 0;
    plan->smallest_shard = base->batch;
    for (int rank = 0; rank < plan->ranks; rank++) {
        const int64_t shard = images_of(base, plan, rank);
        plan->largest_shard = shard > plan->largest_shard ? shard : plan->largest_shard;
        plan->smallest_shard =
            shard < plan->smallest_shard ? shard : plan->smallest_shard;
        plan->empty_shards += shard == 0;
    }
}

static void add_memory(const sn_plan_base *base, sn_plan *plan)
{
    static const size_t process = (size_t)SN_PLAN_PROCESS_MIB << 20;
    const sn_network *network = &base->network;
    const sn_replica_sizes sizes =
        sn_replica_sizes_of(&base->config, network, base->train_count, plan->ranks);
    plan->copies =
        sn_replica_shares_state(&sizes, plan->node_ranks) ? 1 : plan->node_ranks;
    const size_t copies = (size_t)plan->copies;
    plan->parameters = copies * (sizes.parameters + sizes.weights_bf16 + sizes.squares);
    plan->moments = copies * sizes.moments;
    plan->average = copies * sizes.average;
    plan->activations = sizes.workspace;
    plan->batch = sizes.x + sizes.labels + sizes.samples;
    const size_t others = plan->activations + plan->batch;
    plan->copy = sn_writer_bytes(network, &base->optimizer);
    plan->best = base->config.checkpoint_keep_best && base->config.data_validation > 0
                     ? plan->copy
                     : 0;
    plan->file = base->checkpoint_bytes;
    plan->node_bytes = plan->parameters + plan->moments + plan->average +
                       base->data_bytes + plan->copy + plan->best + plan->file;
    for (int rank = 0; rank < plan->node_ranks; rank++) {
        const size_t reduction =
            sn_reduction_bytes(&plan->spec, rank, plan->ranks, plan->node_ranks);
        plan->reduction = rank == 0 ? reduction : plan->reduction;
        plan->node_bytes += others + reduction + process;
    }
    plan->rank_bytes = others + plan->reduction;
}

/* Sets the times of the reduction: inside each node, then between the nodes, whose
 * ranks share one link. */
static void add_reduction(const sn_plan_rates *rates, sn_plan *plan)
{
    static const double node_latency_seconds = 1e-6, node_share_of_memory = 1 / 3.0;
    const double bytes = sn_reduction_sent_bytes(&plan->spec);
    const sn_reduction_traffic inside = sn_reduction_halving(plan->node_ranks),
                               between = sn_reduction_between(&plan->spec, plan->nodes,
                                                              plan->node_ranks);
    const double link = between.messages * rates->latency_seconds +
                        between.volume * bytes / rates->bytes_per_second;
    plan->core_seconds =
        rates->served_per_second > 0
            ? between.volume * bytes / plan->node_ranks / rates->served_per_second
            : 0;
    plan->network_seconds = fmax(link, plan->core_seconds);
    plan->reduce_seconds =
        inside.messages * node_latency_seconds +
        inside.volume * bytes / (rates->memory_per_second * node_share_of_memory) +
        plan->network_seconds;
}

static void add_times(const sn_plan_base *base, const sn_plan_rates *rates,
                      sn_plan *plan)
{
    static const double gather_bytes = 5;   /* per pixel */
    static const double backward = 2 / 3.0; /* share of the operations */
    const double images = (double)plan->largest_shard;
    /* the gradient is read once, with clipping twice; each array of the state is read and
     * written */
    const size_t gradients = base->optimizer.clip_norm > 0 ? 2 : 1;
    const double update_bytes =
        (double)(2 * sn_state_elements(&base->optimizer, &base->network) +
                 gradients * base->network.arena) *
        sizeof(float);
    plan->compute_seconds =
        sn_net_product_flops(&base->network, (size_t)plan->largest_shard) /
        rates->flops_per_second;
    plan->gather_seconds =
        gather_bytes * images * (double)base->network.input / rates->memory_per_second;
    plan->update_seconds =
        update_bytes * plan->copies / plan->node_ranks / rates->update_per_second;
    add_reduction(rates, plan);
    plan->hidden_seconds = plan->spec.kind->ready != NULL
                               ? fmin(plan->reduce_seconds - plan->core_seconds,
                                      backward * plan->compute_seconds)
                               : 0;
    plan->step_seconds = plan->compute_seconds + plan->gather_seconds +
                         plan->update_seconds +
                         (plan->reduce_seconds - plan->hidden_seconds);
}

sn_plan sn_plan_make(const sn_plan_base *base, const sn_plan_rates *rates, int ranks,
                     int node_ranks)
{
    sn_plan plan = {.ranks = ranks,
                    .node_ranks = node_ranks < ranks ? node_ranks : ranks};
    sn_error why;
    plan.nodes = (ranks + plan.node_ranks - 1) / plan.node_ranks;
    plan.spec = spec_of(base, ranks, plan.node_ranks);
    plan.refused = sn_config_check_reduction(&base->config, base->network.arena,
                                             SN_TAIL_ELEMENTS, ranks, &why) != SN_OK;
    cut_batch(base, &plan);
    add_memory(base, &plan);
    add_times(base, rates, &plan);
    return plan;
}
