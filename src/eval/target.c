/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/target.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

/* Maximum number of listings if the listed checkpoints are removed meanwhile. */
enum { TRIES = 8 };

/* Maps SN_EIO to SN_ENOINPUT: to a reader an unreadable folder is missing input. */
static sn_status as_input(sn_status status)
{
    return status == SN_EIO ? SN_ENOINPUT : status;
}

/* Calls use for each listed checkpoint.  *gone is true if there were some and all of
 * them were removed meanwhile. */
static sn_status use_listed(const char *run, sn_target_use *use, void *user, bool *gone,
                            sn_error *err)
{
    int64_t *steps;
    size_t count;
    char path[SN_PATH_BYTES];
    sn_status status = as_input(sn_checkpoint_list(run, &steps, &count, err));
    *gone = count > 0;
    for (size_t i = 0; status == SN_OK && i < count; i++) {
        status = sn_checkpoint_path(path, run, steps[i], err);
        if (status == SN_OK) {
            status = use(path, user, err);
            *gone = *gone && !sn_file_exists(path);
        }
    }
    free(steps);
    return status;
}

sn_status sn_target_each(const char *run, sn_target_use *use, void *user, sn_error *err)
{
    char path[SN_PATH_BYTES];
    sn_status status = SN_OK;
    bool gone = true;
    for (int i = 0; status == SN_OK && gone && i < TRIES; i++) {
        status = use_listed(run, use, user, &gone, err);
    }
    if (status == SN_OK) {
        status = sn_checkpoint_best_path(path, run, err);
    }
    return status == SN_OK && sn_file_exists(path) ? use(path, user, err) : status;
}

/* Returns true if use failed because a running job had removed the file at path. */
static bool is_gone(sn_status status, const char *target, const char *path)
{
    return status != SN_OK && sn_is_folder(target) && !sn_file_exists(path);
}

sn_status sn_target_newest(const char *target, char path[SN_PATH_BYTES],
                           sn_target_use *use, void *user, sn_error *err)
{
    sn_status status = SN_OK;
    bool gone = true;
    for (int i = 0; gone && i < TRIES; i++) {
        status = as_input(sn_checkpoint_resolve(target, path, err));
        if (status != SN_OK) {
            return status;
        }
        status = use(path, user, err);
        gone = is_gone(status, target, path);
    }
    return status;
}

static sn_status read_info(const char *path, sn_checkpoint_info *info, sn_error *err)
{
    sn_checkpoint *checkpoint;
    const sn_status status = sn_checkpoint_open(path, &checkpoint, info, err);
    sn_checkpoint_close(&checkpoint);
    return status;
}

static bool keeps_best(const sn_checkpoint_info *info)
{
    sn_config config;
    sn_error ignored;
    sn_config_init(&config);
    return sn_config_parse(&config, info->config_text, "stored", &ignored) != SN_OK ||
           config.checkpoint_keep_best;
}

/* Checks that best.h5 at path holds the best epoch of the run with this newest
 * checkpoint.  A running job writes best.h5 before the checkpoint of the step. */
static sn_status check_best(const char *path, const sn_checkpoint_info *newest,
                            sn_error *err)
{
    const sn_position *p = &newest->position;
    sn_checkpoint_info info;
    if (!sn_file_exists(path)) {
        return sn_fail(err, SN_ENOINPUT, "best (%s): %s", path,
                       keeps_best(newest) ? "missing"
                                          : "not kept, checkpoint.keep_best is false");
    }
    const sn_status status = read_info(path, &info, err);
    return status != SN_OK || info.position.epoch == p->best_epoch ||
                   info.position.step > p->step
               ? status
               : sn_fail(err, SN_EDATA, "best (%s): not of the best epoch, %" PRId64,
                         path, p->best_epoch);
}

/* Calls use for the result of a run by the rule of sn_target_result. */
static sn_status use_result(const char *run, sn_target_use *use, void *user,
                            sn_target_found *found, sn_error *err)
{
    char best[SN_PATH_BYTES];
    sn_checkpoint_info newest;
    sn_error why = {""};
    sn_status status = sn_checkpoint_best_path(best, run, err);
    if (status == SN_OK) {
        status = as_input(sn_checkpoint_resolve(run, found->path, err));
    }
    if (status != SN_OK) {
        return status;
    }
    const bool readable = read_info(found->path, &newest, &why) == SN_OK;
    if (readable ? newest.position.best_epoch == 0 : !sn_file_exists(best)) {
        return use(found->path, user, err);
    }
    status = readable ? check_best(best, &newest, &why) : SN_OK;
    if (status == SN_OK) {
        status = use(best, user, &why);
    }
    if (status == SN_EDATA || status == SN_ENOINPUT) {
        (void)sn_fail(&found->notice, SN_OK, "%s; using the newest checkpoint",
                      why.message);
        return use(found->path, user, err);
    }
    found->best = true;
    strcpy(found->path, best);
    *err = status == SN_OK ? *err : why;
    return status;
}

sn_status sn_target_result(const char *target, const char *choice, sn_target_use *use,
                           void *user, sn_target_found *found, sn_error *err)
{
    *found = (sn_target_found){.best = false};
    if (!sn_is_folder(target)) {
        return choice == NULL || !sn_file_exists(target)
                   ? sn_target_newest(target, found->path, use, user, err)
                   : sn_fail(err, SN_EUSAGE,
                             "--checkpoint %s (%s): this is a file; give the folder "
                             "of a run",
                             choice, target);
    }
    if (choice != NULL && strcmp(choice, SN_TARGET_LAST) == 0) {
        return sn_target_newest(target, found->path, use, user, err);
    }
    sn_status status = SN_OK;
    if (choice != NULL) {
        status = strcmp(choice, SN_TARGET_BEST) == 0
                     ? sn_checkpoint_best_path(found->path, target, err)
                     : sn_path_format(found->path, err, "%s", choice);
        return status == SN_OK ? use(found->path, user, err) : status;
    }
    bool gone = true;
    for (int i = 0; gone && i < TRIES; i++) {
        found->notice.message[0] = '\0';
        status = use_result(target, use, user, found, err);
        gone = is_gone(status, target, found->path);
    }
    return status;
}
