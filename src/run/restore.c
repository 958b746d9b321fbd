#include "run/restore.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shardnet/version.h"
#include "store/paths.h"

/* Does the checkpoint have the layers of the model? */
static bool has_layers(const sn_checkpoint *checkpoint, const sn_checkpoint_info *info,
                       const sn_network *model)
{
    if (info->layers != (int64_t)model->layers) {
        return false;
    }
    for (int64_t l = 0; l < info->layers; l++) {
        int64_t in, out;
        sn_checkpoint_layer_shape(checkpoint, l, &in, &out);
        if (in != (int64_t)model->layer[l].in || out != (int64_t)model->layer[l].out) {
            return false;
        }
    }
    return true;
}

static void append_layers(char *text, size_t bytes, int64_t layers,
                          const sn_checkpoint *checkpoint, const sn_network *model)
{
    size_t used = 0;
    for (int64_t l = 0; l < layers && used < bytes; l++) {
        int64_t in, out;
        if (checkpoint != NULL) {
            sn_checkpoint_layer_shape(checkpoint, l, &in, &out);
        } else {
            in = (int64_t)model->layer[l].in;
            out = (int64_t)model->layer[l].out;
        }
        int written = l == 0 ? snprintf(text, bytes, "%" PRId64 "-%" PRId64, in, out)
                             : snprintf(text + used, bytes - used, "-%" PRId64, out);
        used += (size_t)written;
    }
}

static sn_status refuse(sn_error *err, const char *path, const char *what,
                        const char *theirs, const char *ours)
{
    return sn_fail(
        err, SN_ECONFIG,
        "resume (%s): the checkpoint has %s %s, this configuration %s; use the "
        "run's own " SN_CONFIG_FILE ", or another --out",
        path, what, theirs, ours);
}

/* A checkpoint continues only the run that it belongs to. */
static sn_status check_model(const sn_restore_target *target, const char *path,
                             const sn_checkpoint *checkpoint,
                             const sn_checkpoint_info *info, sn_error *err)
{
    char theirs[512] = "", ours[512] = "";
    const sn_network *model = target->model;
    if (!has_layers(checkpoint, info, model)) {
        append_layers(theirs, sizeof theirs, info->layers, checkpoint, NULL);
        append_layers(ours, sizeof ours, (int64_t)model->layers, NULL, model);
        return refuse(err, path, "the layers", theirs, ours);
    }
    const char *activation =
        sn_config_choice_name("model", "activation", target->config->model_activation);
    if (strcmp(info->activation, activation) != 0) {
        return refuse(err, path, "activation", info->activation, activation);
    }
    return SN_OK;
}

/* *choice, which the configuration leaves open, becomes the former one where that goes
 * with the rest of the configuration and with this build. */
static void keep_choice(sn_config *config, int *choice, int former)
{
    const int own = *choice;
    *choice = former;
    if (sn_config_check_all_but_data(config, NULL) != SN_OK) {
        *choice = own;
    }
}

/* A run measures once, and keeps what it chose. */
static void keep_choices(sn_config *config, const sn_config *former)
{
    if (config->compute_backend == SN_BACKEND_AUTO) {
        keep_choice(config, &config->compute_backend, former->compute_backend);
    }
    if (config->comm_reduce == SN_REDUCE_AUTO &&
        sn_reduction_of(former->comm_reduce)->measured) {
        keep_choice(config, &config->comm_reduce, former->comm_reduce);
    }
}

/* Under other values of these keys the saved state means something else. */
static sn_status check_settings(const sn_config *config, const char *path,
                                const sn_config *former, sn_error *err)
{
    char theirs[64], ours[64];
    if (former->train_batch != config->train_batch) {
        snprintf(theirs, sizeof theirs, "%" PRId64, former->train_batch);
        snprintf(ours, sizeof ours, "%" PRId64, config->train_batch);
        return refuse(err, path, "the global batch", theirs, ours);
    }
    if (former->optimizer_momentum_kind != config->optimizer_momentum_kind) {
        return refuse(err, path, "velocities of momentum_kind",
                      sn_config_choice_name("optimizer", "momentum_kind",
                                            former->optimizer_momentum_kind),
                      sn_config_choice_name("optimizer", "momentum_kind",
                                            config->optimizer_momentum_kind));
    }
    if (sn_reduction_of(former->comm_reduce)->fixed_order &&
        (config->comm_reduce != former->comm_reduce ||
         config->comm_leaves != former->comm_leaves)) {
        snprintf(theirs, sizeof theirs, "reproducible with %" PRId64 " leaves,",
                 former->comm_leaves);
        snprintf(ours, sizeof ours, "%s with %" PRId64,
                 sn_config_choice_name("comm", "reduce", config->comm_reduce),
                 config->comm_leaves);
        return refuse(err, path, "sums that are", theirs, ours);
    }
    return SN_OK;
}

/* Does the key change what the updates from here on do? */
static bool steers(const sn_config *config, const char *section, const char *key)
{
    static const char *const steering[][2] = {
        {"augment", NULL},      {"model", NULL},         {"optimizer", NULL},
        {"comm", "reduce"},     {"comm", "wire"},        {"comm", "bucket_kib"},
        {"compute", "backend"}, {"compute", "precision"}};
    if (strcmp(section, "model") == 0 && strncmp(key, "init", 4) == 0) {
        return false;
    }
    if (strcmp(section, "train") == 0 && strcmp(key, "epochs") == 0) {
        return config->optimizer_schedule == SN_SCHEDULE_COSINE;
    }
    for (size_t i = 0; i < sizeof steering / sizeof steering[0]; i++) {
        if (strcmp(section, steering[i][0]) == 0 &&
            (steering[i][1] == NULL || strcmp(key, steering[i][1]) == 0)) {
            return true;
        }
    }
    return false;
}

typedef struct changes {
    const sn_config *config;
    sn_restored *restored;
} changes;

static void note_change(void *user, const char *section, const char *key,
                        const char *former, const char *present)
{
    const changes *noted = user;
    if (!steers(noted->config, section, key)) {
        return;
    }
    char *text = noted->restored->changes;
    const size_t used = strlen(text), room = sizeof noted->restored->changes - used;
    snprintf(text + used, room, "%s%s.%s = %s (was %s)", used > 0 ? ", " : "", section,
             key, present != NULL ? present : "unset",
             former != NULL ? former : "unset");
}

static sn_status note_changes(const sn_config *config, const char *former,
                              sn_restored *restored, sn_error *err)
{
    size_t count;
    char *present = sn_config_text(config);
    if (present == NULL) {
        return sn_fail(err, SN_ENOMEM, "resume: out of memory");
    }
    restored->changes[0] = '\0';
    changes noted = {config, restored};
    const sn_status status =
        sn_config_compare(former, present, note_change, &noted, &count, err);
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
        status = sn_fail(err, status == SN_ECONFIG ? SN_EDATA : status,
                         "resume (%s): not damaged, but written by shardnet %s, whose "
                         "configuration shardnet %s does not know (%s); continue it "
                         "with that version",
                         path, info->program_version, sn_version(), why.message);
    }
    free(former);
    return status;
}

static sn_status check_run(const sn_restore_target *target, const char *path,
                           const sn_checkpoint_info *info, sn_error *err)
{
    char theirs[512], ours[512];
    const sn_dataset *data = target->data;
    if (strcmp(info->train_digest, data->train_digest) != 0 ||
        info->train_count != (int64_t)data->train.count) {
        snprintf(theirs, sizeof theirs,
                 "training data of %" PRId64 " samples, digest "
                 "%.12s...,",
                 info->train_count, info->train_digest);
        snprintf(ours, sizeof ours, "%zu samples, digest %.12s...", data->train.count,
                 data->train_digest);
        return refuse(err, path, "other", theirs, ours);
    }
    if (info->position.seed != (uint64_t)target->config->train_seed) {
        snprintf(theirs, sizeof theirs, "%" PRIu64, info->position.seed);
        snprintf(ours, sizeof ours, "%" PRId64, target->config->train_seed);
        return refuse(err, path, "seed", theirs, ours);
    }
    return SN_OK;
}

/* The tensors are read before anything else is believed. */
static sn_status read_state(const sn_restore_target *target, const char *path,
                            sn_checkpoint *checkpoint, const sn_checkpoint_info *info,
                            sn_error *err)
{
    const sn_position *p = &info->position;
    sn_status status = check_model(target, path, checkpoint, info, err);
    if (status == SN_OK) {
        status = sn_checkpoint_read(checkpoint, target->tensors, err);
    }
    if (status == SN_OK && (p->epoch < 0 || p->step < 0 || p->step_in_epoch < 0)) {
        status = sn_fail(err, SN_EDATA, "checkpoint (%s): progress out of range", path);
    }
    return status;
}

sn_status sn_restore(const char *path, const sn_restore_target *target,
                     sn_restored *restored, bool *damaged, sn_error *err)
{
    sn_checkpoint *checkpoint = NULL;
    sn_checkpoint_info info = {0};
    sn_status status = sn_checkpoint_open(path, &checkpoint, &info, err);
    if (status == SN_OK) {
        status = read_state(target, path, checkpoint, &info, err);
    }
    *damaged = status == SN_EDATA;
    if (status == SN_OK) {
        status = check_run(target, path, &info, err);
    }
    if (status == SN_OK) {
        status = check_config(target->config, path, &info, err);
    }
    if (status == SN_OK && info.position.step_in_epoch >= target->steps_per_epoch) {
        *damaged = true;
        status = sn_fail(err, SN_EDATA, "checkpoint (%s): progress out of range", path);
    }
    if (status == SN_OK) {
        status = note_changes(target->config, info.config_text, restored, err);
    }
    if (status == SN_OK) {
        restored->position = info.position;
        snprintf(restored->path, sizeof restored->path, "%s", path);
    }
    sn_checkpoint_close(&checkpoint);
    sn_checkpoint_info_clear(&info);
    return status;
}

sn_status sn_restore_best(const char *run, const sn_restore_target *target,
                          int64_t best_epoch, sn_error *err)
{
    char path[SN_PATH_BYTES];
    sn_checkpoint *checkpoint = NULL;
    sn_checkpoint_info info = {0};
    sn_status status = sn_checkpoint_best_path(path, run, err);
    if (status == SN_OK) {
        status = sn_checkpoint_open(path, &checkpoint, &info, err);
    }
    if (status == SN_OK) {
        const bool fits = info.position.epoch == best_epoch &&
                          has_layers(checkpoint, &info, target->model);
        status =
            fits ? sn_checkpoint_read(checkpoint, target->tensors, err)
                 : sn_fail(err, SN_EDATA, "best (%s): not of the best epoch, %" PRId64,
                           path, best_epoch);
    }
    sn_checkpoint_close(&checkpoint);
    sn_checkpoint_info_clear(&info);
    return status;
}
