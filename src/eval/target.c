/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/target.h"

#include <stdlib.h>

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
        gone = status != SN_OK && sn_is_folder(target) && !sn_file_exists(path);
    }
    return status;
}
