/* SPDX-License-Identifier: BSD-3-Clause */
/* Cross-key constraints, and error messages that name the origin of a value. */
#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/system/file.h"
#include "base/system/locale.h"
#include "config/config.h"
#include "config/keys.h"
#include "nn/products/gemm.h"

sn_status sn_config_refuse(const sn_config *config, const char *section,
                           const char *name, sn_error *err, const char *format, ...)
{
    char why[SN_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    const sn_key *key = sn_key_find(section, name);
    const int origin = key == NULL ? SN_ORIGIN_DEFAULT : config->origin[key - sn_keys];
    if (origin > 0) {
        return sn_fail(err, SN_ECONFIG, "configuration (%s:%d): [%s] %s: %s",
                       config->origin_path, origin, section, name, why);
    }
    return origin == SN_ORIGIN_SET
               ? sn_fail(err, SN_ECONFIG, "configuration (--set %s.%s): %s", section,
                         name, why)
           : origin == SN_ORIGIN_VARIABLE
               ? sn_fail(err, SN_ECONFIG, "configuration (SHARDNET_DATA): %s", why)
               : sn_fail(err, SN_ECONFIG, "configuration ([%s] %s): %s", section, name,
                         why);
}

/* Returns true if an INI file can hold the path: it has no inline comment, no newline,
 * no white space at an end, and can be split into lines. */
static bool is_plain_path(const char *path)
{
    const size_t length = strlen(path);
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)path[i];
        const bool outer = i == 0 || i + 1 == length;
        if (iscntrl(c) ||
            (isspace(c) && (outer || strchr(";#", path[i + 1]) != NULL))) {
            return false;
        }
    }
    for (const char *rest = path; *rest != '\0';) {
        const size_t line = sn_key_path_line(rest);
        if (line == 0) {
            return false;
        }
        rest += line;
    }
    return path[0] != ';' && path[0] != '#';
}

void sn_config_make_absolute(sn_config *config)
{
    char found[PATH_MAX], folder[SN_PATH_BYTES], joined[SN_PATH_BYTES];
    char *dir = config->data_dir;
    if (dir[0] == '\0' || realpath(dir, found) == NULL) {
        return;
    }
    if (is_plain_path(found) && strlen(found) < SN_PATH_BYTES) {
        strcpy(dir, found);
    } else if (dir[0] != '/' && getcwd(folder, sizeof folder) != NULL &&
               sn_path_join(joined, folder, dir, NULL) == SN_OK) {
        strcpy(dir,
               joined); /* a symbolic link may have a name that an INI file holds */
    }
}

sn_status sn_config_check_reduction(const sn_config *config, size_t gradient,
                                    size_t tail, int size, sn_error *err)
{
    const sn_reduction_spec spec = sn_config_reduction(config, gradient, tail);
    const char *key;
    sn_error why = {""};
    const sn_status status = sn_reduction_check(&spec, size, &key, &why);
    if (status == SN_ECONFIG) {
        return sn_config_refuse(config, "comm", key, err, "%s", why.message);
    }
    return status == SN_OK ? SN_OK : sn_fail(err, status, "%s", why.message);
}

/* Returns true if no distortion of the kind moves a pixel. */
static bool is_still(const sn_augment_spec *spec)
{
    const bool affine =
        spec->rotation > 0 || spec->shear > 0 || spec->scale > 0 || spec->shift > 0;
    const bool elastic = spec->kind == SN_AUGMENT_ELASTIC && spec->alpha > 0;
    return spec->kind != SN_AUGMENT_NONE && !affine && !elastic;
}

static bool has_default(const sn_config *config, const char *section, const char *name)
{
    return config->origin[sn_key_find(section, name) - sn_keys] == SN_ORIGIN_DEFAULT;
}

/* Refuses a value that another key, often by its default, makes useless.  A key that
 * has no effect with another choice, such as decay with a constant schedule, is
 * accepted: users override choices by --set. */
static sn_status check_combinations(const sn_config *config, sn_error *err)
{
    const sn_schedule schedule = sn_config_schedule(config);
    const sn_augment_spec distortion = sn_config_augment(config);
    const bool hidden = config->model_hidden.count > 0;
    const double timeout = config->comm_timeout_seconds;
    const struct {
        bool useless;
        const char *section, *name, *why;
    } rules[] = {
        {schedule.kind == SN_SCHEDULE_STEP && schedule.decay == 0, "optimizer",
         "schedule",
         "step multiplies the rate by [optimizer] decay, and decay = 0 ends the "
         "training after decay_every epochs; set decay, for example to 0.5"},
        {schedule.kind == SN_SCHEDULE_INVERSE && schedule.decay == 0, "optimizer",
         "schedule",
         "inverse with [optimizer] decay = 0 keeps the rate constant; set decay, for "
         "example to 0.001, or use constant"},
        {schedule.kind == SN_SCHEDULE_WARMUP_STABLE_DECAY &&
             schedule.decay_fraction == 0,
         "optimizer", "schedule",
         "warmup_stable_decay with [optimizer] decay_fraction = 0 never lowers the "
         "rate; set decay_fraction, for example to 0.2, or use constant"},
        {config->optimizer_weight_decay > 0 && config->optimizer_kind != SN_KIND_ADAMW,
         "optimizer", "weight_decay",
         "only kind = adamw uses it; with momentum use l2, or 0"},
        {config->optimizer_kind == SN_KIND_ADAMW &&
             has_default(config, "optimizer", "learning_rate"),
         "optimizer", "kind",
         "adamw moves each weight by about the rate in every update, and the default of "
         "learning_rate is far too large; set it, for example to 0.001"},
        {schedule.warmup_epochs > (double)schedule.epochs, "optimizer", "warmup_epochs",
         "the training ends before the rate has risen; use at most [train] epochs"},
        {is_still(&distortion), "augment", "kind",
         "all strengths are 0, so no image is distorted; set rotation, shear, scale, "
         "shift or, for elastic, alpha, or use none"},
        {config->model_dropout_hidden > 0 && !hidden, "model", "dropout_hidden",
         "there is no hidden layer; set [model] hidden, or use dropout_input"},
        {config->model_init_scale == 0 && hidden, "model", "init_scale",
         "hidden layers whose weights are all 0 cannot learn; use a larger value"},
        {config->train_early_stop_patience > 0 && config->data_validation == 0, "train",
         "early_stop_patience",
         "needs [data] validation > 0: the test set is never used for model selection"},
        {timeout > 0 && timeout < 1, "comm", "timeout_seconds",
         "too short; use at least 1, or 0 for no watchdog"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].useless) {
            return sn_config_refuse(config, rules[i].section, rules[i].name, err, "%s",
                                    rules[i].why);
        }
    }
    return SN_OK;
}

sn_status sn_config_check_all_but_data(const sn_config *config, sn_error *err)
{
    if (!sn_gemm_supports((sn_backend)config->compute_backend)) {
        return sn_config_refuse(
            config, "compute", "backend", err,
            "this build has no oneDNN; use openblas or auto, or build where CMake "
            "finds oneDNN (Debian: libdnnl-dev; Spack: onednn; EasyBuild: oneDNN)");
    }
    const sn_status reduction = sn_config_check_reduction(config, 0, 0, 0, err);
    if (reduction != SN_OK) {
        return reduction;
    }
    return check_combinations(config, err);
}

sn_status sn_config_check_data(const sn_config *config, const sn_dataset_shape *shape,
                               sn_error *err)
{
    const sn_dataset_spec spec = sn_config_dataset(config);
    return sn_dataset_train_count(&spec, shape) > 0
               ? SN_OK
               : sn_config_refuse(config, "data", "validation", err,
                                  "no sample left to train on: %zu of %zu training "
                                  "samples are held out; use a smaller value",
                                  spec.validation, sn_dataset_used_count(&spec, shape));
}

sn_status sn_config_check(const sn_config *config, sn_error *err)
{
    SN_LOCALE_C();
    if (!is_plain_path(config->data_dir)) {
        return sn_config_refuse(
            config, "data", "dir", err,
            "an INI file cannot hold the path '%s': white space at an end or before "
            "';' or '#', a control character, or a long run of blanks; rename the "
            "folder, or use a symbolic link to it",
            config->data_dir);
    }
    if (config->data_source != SN_SOURCE_SYNTHETIC && config->data_dir[0] == '\0') {
        const int origin = config->origin[sn_key_find("data", "dir") - sn_keys];
        const char *variable = getenv("SHARDNET_DATA");
        if (origin == SN_ORIGIN_VARIABLE && variable != NULL && variable[0] != '\0') {
            return sn_config_refuse(config, "data", "dir", err,
                                    "path longer than %d bytes", SN_PATH_BYTES - 1);
        }
        return sn_config_refuse(config, "data", "dir", err,
                                "no data folder; set it, or SHARDNET_DATA, or use "
                                "`[data] source = synthetic`");
    }
    return sn_config_check_all_but_data(config, err);
}
