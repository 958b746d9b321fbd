/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "config/config.h"

bool sn_config_is_finished(const sn_config *config, int64_t epoch, int64_t best_epoch)
{
    const bool impatient = config->train_early_stop_patience > 0 && best_epoch > 0 &&
                           epoch - best_epoch >= config->train_early_stop_patience *
                                                     config->train_eval_every;
    return epoch >= config->train_epochs || impatient;
}

sn_dataset_spec sn_config_dataset(const sn_config *config)
{
    sn_dataset_spec spec = {.source = (sn_data_source)config->data_source,
                            .train_limit = (size_t)config->data_train_limit,
                            .validation = (size_t)config->data_validation,
                            .width = (size_t)config->data_width};
    strcpy(spec.dir, config->data_dir);
    return spec;
}

sn_augment_spec sn_config_augment(const sn_config *config)
{
    return (sn_augment_spec){.kind = (sn_augment_kind)config->augment_kind,
                             .rotation = config->augment_rotation,
                             .shear = config->augment_shear,
                             .scale = config->augment_scale,
                             .shift = config->augment_shift,
                             .sigma = config->augment_sigma,
                             .alpha = config->augment_alpha,
                             .noise = config->augment_noise};
}

sn_optimizer sn_config_optimizer(const sn_config *config)
{
    const bool adamw = config->optimizer_kind == SN_KIND_ADAMW;
    return (sn_optimizer){.kind = adamw ? SN_ADAMW
                                        : (sn_rule)config->optimizer_momentum_kind,
                          .momentum = config->optimizer_momentum,
                          .beta1 = config->optimizer_beta1,
                          .beta2 = config->optimizer_beta2,
                          .epsilon = config->optimizer_epsilon,
                          .weight_decay = config->optimizer_weight_decay,
                          .l1 = config->optimizer_l1,
                          .l2 = config->optimizer_l2,
                          .average = config->train_average,
                          .clip_norm = config->optimizer_clip_norm,
                          .max_norm = config->model_max_norm};
}

sn_schedule sn_config_schedule(const sn_config *config)
{
    double rate = config->optimizer_learning_rate;
    if (config->optimizer_scale_from_batch > 0) {
        rate *=
            (double)config->train_batch / (double)config->optimizer_scale_from_batch;
    }
    return (sn_schedule){.kind = (sn_schedule_kind)config->optimizer_schedule,
                         .rate = rate,
                         .decay = config->optimizer_decay,
                         .decay_every = config->optimizer_decay_every,
                         .epochs = config->train_epochs,
                         .warmup_epochs = config->optimizer_warmup_epochs,
                         .decay_fraction = config->optimizer_decay_fraction};
}

sn_backend sn_config_backend(const sn_config *config, const sn_network *network)
{
    const bool bf16 = config->compute_precision == SN_PRECISION_BF16;
    if (config->compute_backend != SN_BACKEND_AUTO) {
        return (sn_backend)config->compute_backend;
    }
    return !bf16 && sn_reduction_of(config->comm_reduce)->fixed_order
               ? SN_BACKEND_OPENBLAS
               : sn_gemm_choose(bf16, network->widest);
}

sn_reduction_spec sn_config_reduction(const sn_config *config, size_t gradient,
                                      size_t tail)
{
    return (sn_reduction_spec){.kind = sn_reduction_of(config->comm_reduce),
                               .gradient = gradient,
                               .tail = tail,
                               .microbatches = (int)config->comm_leaves,
                               .bucket = (size_t)config->comm_bucket_kib * 1024 /
                                         sizeof(float),
                               .wire = (sn_wire)config->comm_wire};
}

void sn_config_print_network(const sn_network *network, FILE *out)
{
    fprintf(out, "%zu", network->input);
    for (size_t l = 0; l < network->layers; l++) {
        fprintf(out, "-%zu", network->layer[l].out);
    }
    fprintf(out, ", %s, %zu parameters",
            network->layers == 1 ? "softmax"
                                 : sn_config_choice_name("model", "activation",
                                                         (int)network->activation),
            network->parameters);
}
