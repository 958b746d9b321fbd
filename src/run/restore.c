/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/restore.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "shardnet/version.h"
#include "store/paths.h"

/* Writes the widths of the layers as text, for example 784-30-10. */
static void write_layers(char text[512], const sn_layer_tensors *layers, int64_t count)
{
    int used = snprintf(text, 512, "%" PRId64, layers[0].in);
    for (int64_t l = 0; l < count && used < 512; l++) {
        used += snprintf(text + used, 512 - (size_t)used, "-%" PRId64, layers[l].out);
    }
}

/* Fails with SN_ECONFIG.  format describes the property of the checkpoint and that of
 * this configuration. */
static sn_status refuse(sn_error *err, const char *path, const char *format, ...)
    SN_PRINTF(3, 4);

static sn_status refuse(sn_error *err, const char *path, const char *format, ...)
{
    char difference[1100];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(difference, sizeof difference, format, arguments);
    va_end(arguments);
    return sn_fail(err, SN_ECONFIG,
                   "resume (%s): the checkpoint has %s; use " SN_CONFIG_FILE
                   " of the run or choose another --out",
                   path, difference);
}

/* Checks that layers and activation of the checkpoint are those of the run. */
static sn_status check_model(const sn_run_state *state, const char *path,
                             const sn_checkpoint *checkpoint,
                             const sn_checkpoint_info *info, sn_error *err)
{
    const sn_layer_tensors *found = sn_checkpoint_shapes(checkpoint);
    const sn_layer_tensors *wanted = state->tensors;
    const int64_t layers = (int64_t)state->network->layers;
    bool same = info->layers == layers;
    for (int64_t l = 0; same && l < layers; l++) {
        same = found[l].in == wanted[l].in && found[l].out == wanted[l].out;
    }
    if (!same) {
        char theirs[512], ours[512];
        write_layers(theirs, found, info->layers);
        write_layers(ours, wanted, layers);
        return refuse(err, path, "layers %s, this configuration %s", theirs, ours);
    }
    const char *activation =
        sn_config_choice_name("model", "activation", state->config->model_activation);
    return strcmp(info->activation, activation) == 0
               ? SN_OK
               : refuse(err, path, "activation %s, this configuration %s",
                        info->activation, activation);
}

/* Sets *choice to the former value if the configuration and this build support it. */
static void keep_choice(sn_config *config, int *choice, int former)
{
    const int own = *choice;
    *choice = former;
    if (sn_config_check_all_but_data(config, NULL) != SN_OK) {
        *choice = own;
    }
}

/* Keeps the choices of the run for keys with value auto.  Reproducible reductions have
 * their own choice of the backend. */
static void keep_choices(sn_config *config, const sn_config *former)
{
    const bool was_reproducible = sn_reduction_of(former->comm_reduce)->fixed_order;
    if (config->compute_backend == SN_BACKEND_AUTO &&
        sn_reduction_of(config->comm_reduce)->fixed_order == was_reproducible) {
        keep_choice(config, &config->compute_backend, former->compute_backend);
    }
    if (config->comm_reduce == SN_REDUCE_AUTO && !was_reproducible) {
        keep_choice(config, &config->comm_reduce, former->comm_reduce);
    }
}

/* Checks the keys that the meaning of the saved state depends on. */
static sn_status check_settings(const sn_config *config, const char *path,
                                const sn_config *former, sn_error *err)
{
    if (former->train_batch != config->train_batch) {
        return refuse(err, path,
                      "global batch %" PRId64 ", this configuration %" PRId64,
                      former->train_batch, config->train_batch);
    }
    if (former->data_validation != config->data_validation) {
        return refuse(err, path,
                      "%" PRId64 " validation samples, this configuration %" PRId64,
                      former->data_validation, config->data_validation);
    }
    if (former->data_width != config->data_width) {
        return refuse(err, path, "data.width %" PRId64 ", this configuration %" PRId64,
                      former->data_width, config->data_width);
    }
    if (former->optimizer_kind != config->optimizer_kind) {
        return refuse(
            err, path, "optimizer kind %s, this configuration %s",
            sn_config_choice_name("optimizer", "kind", former->optimizer_kind),
            sn_config_choice_name("optimizer", "kind", config->optimizer_kind));
    }
    if (config->optimizer_kind == SN_KIND_MOMENTUM &&
        former->optimizer_momentum_kind != config->optimizer_momentum_kind) {
        return refuse(err, path, "momentum_kind %s, this configuration %s",
                      sn_config_choice_name("optimizer", "momentum_kind",
                                            former->optimizer_momentum_kind),
                      sn_config_choice_name("optimizer", "momentum_kind",
                                            config->optimizer_momentum_kind));
    }
    if (sn_reduction_of(former->comm_reduce)->fixed_order &&
        (config->comm_reduce != former->comm_reduce ||
         config->comm_leaves != former->comm_leaves)) {
        return refuse(err, path,
                      "a reproducible reduction with %" PRId64
                      " leaves, this configuration %s with %" PRId64,
                      former->comm_leaves,
                      sn_config_choice_name("comm", "reduce", config->comm_reduce),
                      config->comm_leaves);
    }
    return SN_OK;
}

/* Returns true if the key affects later updates. */
static bool affects_training(const sn_config *config, const char *section,
                             const char *key)
{
    static const char *const keys[][2] = {
        {"augment", NULL},        {"model", NULL},
        {"optimizer", NULL},      {"train", "label_smoothing"},
        {"comm", "reduce"},       {"comm", "wire"},
        {"comm", "bucket_kib"},   {"compute", "backend"},
        {"compute", "precision"}, {"train", "average"}};
    if (strcmp(section, "model") == 0 && strncmp(key, "init", 4) == 0) {
        return false;
    }
    if (strcmp(section, "train") == 0 && strcmp(key, "epochs") == 0) {
        return sn_schedule_uses_length((sn_schedule_kind)config->optimizer_schedule);
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(section, keys[i][0]) == 0 &&
            (keys[i][1] == NULL || strcmp(key, keys[i][1]) == 0)) {
            return true;
        }
    }
    return false;
}

typedef struct change_list {
    const sn_config *config;
    char *text; /* (SN_CHANGES_BYTES) */
} change_list;

/* Returns true if the checkpoint lacks the key, because an older version of the program
 * wrote the file, and the present value is the default. */
static bool is_new_default(const char *section, const char *name, const char *former,
                           const char *present)
{
    const sn_key *key = sn_key_find(section, name);
    return former == NULL && key != NULL &&
           sn_key_is_same(key, present, key->default_text);
}

static void append_change(void *user, const char *section, const char *key,
                          const char *former, const char *present)
{
    const change_list *list = user;
    if (affects_training(list->config, section, key) &&
        !is_new_default(section, key, former, present)) {
        const size_t used = strlen(list->text);
        snprintf(list->text + used, SN_CHANGES_BYTES - used, "%s%s.%s = %s (was %s)",
                 used > 0 ? ", " : "", section, key,
                 present != NULL ? present : "unset",
                 former != NULL ? former : "unset");
    }
}

static sn_status list_changes(const sn_config *config, const char *former,
                              char text[SN_CHANGES_BYTES], sn_error *err)
{
    size_t count;
    char *present = sn_config_text(config);
    if (present == NULL) {
        return sn_fail(err, SN_ENOMEM, "resume: out of memory");
    }
    text[0] = '\0';
    change_list list = {config, text};
    const sn_status status =
        sn_config_compare(former, present, append_change, &list, &count, err);
    free(present);
    return status;
}

static sn_status check_config(sn_config *config, const char *path,
                              const sn_checkpoint_info *info, sn_error *err)
{
    sn_config *former = malloc(sizeof *former);
    if (former == NULL) {
        return sn_fail(err, SN_ENOMEM, "resume: out of memory");
    }
    sn_config_init(former);
    sn_error why;
    sn_status status = sn_config_parse(former, info->config_text, "stored", &why);
    if (status == SN_OK) {
        keep_choices(config, former);
        status = check_settings(config, path, former, err);
    } else {
        status =
            sn_fail(err, status == SN_ECONFIG ? SN_EDATA : status,
                    "resume (%s): written by shardnet %s, with a configuration that "
                    "shardnet %s does not support (%s); the file is not damaged; "
                    "resume with that version",
                    path, info->program_version, sn_version(), why.message);
    }
    free(former);
    return status;
}

static sn_status check_run(const sn_run_state *state, const char *path,
                           const sn_checkpoint_info *info, sn_error *err)
{
    const sn_dataset *data = state->data;
    if (strcmp(info->train_digest, data->train_digest) != 0 ||
        info->train_count != (int64_t)data->train.count) {
        return refuse(err, path,
                      "other training data: %" PRId64
                      " samples, digest %.12s..., this configuration %zu samples, "
                      "digest %.12s...",
                      info->train_count, info->train_digest, data->train.count,
                      data->train_digest);
    }
    return info->position.seed == (uint64_t)state->config->train_seed
               ? SN_OK
               : refuse(err, path, "seed %" PRIu64 ", this configuration %" PRId64,
                        info->position.seed, state->config->train_seed);
}

/* Reads the tensors.  If averaging is on, but was off, the average starts from the
 * parameters.  If it is off, but was on, the average in the file is not used, unless
 * the run is finished: its result remains the average. */
static sn_status read_tensors(const sn_run_state *state, sn_checkpoint *checkpoint,
                              const sn_checkpoint_info *info, sn_error *err)
{
    sn_layer_tensors tensors[SN_MAX_HIDDEN + 1];
    const bool averaged = state->tensors[0].weight_current != NULL;
    const bool finished = sn_config_is_finished(state->config, info->position.epoch,
                                                info->position.best_epoch);
    for (size_t l = 0; l < state->network->layers; l++) {
        sn_layer_tensors *t = &tensors[l];
        *t = state->tensors[l];
        if (averaged && !info->averaged) {
            t->weight = t->weight_current;
            t->bias = t->bias_current;
        } else if (!averaged && info->averaged && !finished) {
            t->weight_current = t->weight;
            t->bias_current = t->bias;
            t->weight = t->bias = NULL;
        }
    }
    const sn_status status = sn_checkpoint_read(checkpoint, tensors, err);
    if (status == SN_OK && averaged && !info->averaged) {
        sn_state_start_average(state->network, state->arrays);
    }
    return status;
}

/* sn_checkpoint_read verifies the digest of all attributes; later checks rely on it. */
sn_status sn_restore(const char *path, const sn_run_state *state, sn_position *position,
                     char changes[SN_CHANGES_BYTES], bool *damaged, sn_error *err)
{
    sn_checkpoint *checkpoint;
    sn_checkpoint_info info;
    sn_status status = sn_checkpoint_open(path, &checkpoint, &info, err);
    if (status == SN_OK) {
        status = check_model(state, path, checkpoint, &info, err);
    }
    if (status == SN_OK) {
        status = read_tensors(state, checkpoint, &info, err);
    }
    *damaged = sn_checkpoint_is_damaged(status, &info);
    if (status == SN_OK) {
        status = check_run(state, path, &info, err);
    }
    if (status == SN_OK) {
        status = check_config(state->config, path, &info, err);
    }
    if (status == SN_OK && info.position.step_in_epoch >= state->steps_per_epoch) {
        *damaged = true;
        status = sn_fail(err, SN_EDATA, "checkpoint (%s): position out of range", path);
    }
    if (status == SN_OK) {
        status = list_changes(state->config, info.config_text, changes, err);
    }
    if (status == SN_OK) {
        *position = info.position;
    }
    sn_checkpoint_close(&checkpoint);
    return status;
}

sn_status sn_restore_weights(const char *path, const sn_run_state *state, sn_error *err)
{
    sn_checkpoint *checkpoint = NULL;
    sn_checkpoint_info info;
    sn_status status = sn_checkpoint_verify(path, &info, err);
    if (status == SN_OK) {
        status = sn_checkpoint_open(path, &checkpoint, &info, err);
    }
    if (status == SN_OK) {
        status =
            info.layers == (int64_t)state->network->layers
                ? sn_checkpoint_read(checkpoint, state->tensors, err)
                : sn_fail(err, SN_EDATA, "checkpoint (%s): of another model", path);
    }
    sn_checkpoint_close(&checkpoint);
    return status;
}
