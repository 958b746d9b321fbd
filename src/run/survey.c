/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/survey.h"

#include <string.h>

#include "store/paths.h"

/* Finds the checkpoint that a resumed run would restore. */
static sn_status find_checkpoint(const char *run, sn_warn *warn, void *user,
                                 sn_survey *survey, sn_error *err)
{
    enum { TRIES = 8 }; /* a running job may remove the checkpoint meanwhile */
    sn_status status = SN_ENOINPUT;
    for (int i = 0; status == SN_ENOINPUT && i < TRIES; i++) {
        const sn_lineage_record *found = NULL;
        sn_lineage lineage = {.run = run, .warn = warn, .user = user};
        status = sn_lineage_scan(&lineage, err);
        if (status == SN_OK) {
            status = sn_lineage_restore(&lineage, true, NULL, NULL, &found, err);
        }
        if (status == SN_OK && found != NULL) {
            survey->position = found->position;
            memcpy(survey->checkpoint, found->path, sizeof survey->checkpoint);
        }
        sn_lineage_clear(&lineage);
    }
    return status;
}

static sn_status refuse(const char *run, sn_error *err)
{
    return sn_fail(err, SN_ENOINPUT, "cannot open (%s): not the folder of a run", run);
}

/* Reads config.ini of the run or, if it is missing, the copy in the checkpoint. */
static sn_status read_config(const char *run, const char *path, sn_config *config,
                             sn_error *err)
{
    char file[SN_PATH_BYTES];
    sn_checkpoint *checkpoint;
    sn_checkpoint_info info;
    sn_status status = sn_path_join(file, run, SN_CONFIG_FILE, err);
    if (status != SN_OK || sn_file_exists(file)) {
        return status == SN_OK ? sn_config_read(config, file, err) : status;
    }
    if (path[0] == '\0') {
        return refuse(run, err);
    }
    status = sn_checkpoint_open(path, &checkpoint, &info, err);
    sn_checkpoint_close(&checkpoint);
    return status == SN_OK ? sn_config_parse(config, info.config_text, path, err)
                           : status;
}

sn_status sn_run_survey(const char *run, sn_warn *warn, void *user, sn_survey *survey,
                        sn_error *err)
{
    sn_config *config = NULL;
    *survey = (sn_survey){.finished = false};
    if (!sn_is_folder(run)) {
        return refuse(run, err);
    }
    sn_status status = find_checkpoint(run, warn, user, survey, err);
    if (status == SN_OK) {
        status = sn_config_create(&config, err);
    }
    if (status == SN_OK) {
        status = read_config(run, survey->checkpoint, config, err);
    }
    if (status == SN_OK) {
        survey->epochs = config->train_epochs;
        survey->finished = survey->checkpoint[0] != '\0' &&
                           sn_config_is_finished(config, survey->position.epoch,
                                                 survey->position.best_epoch);
        sn_run_lock_holder(run, survey->holder);
    }
    sn_config_destroy(&config);
    return status == SN_EIO ? SN_ENOINPUT : status; /* the folder is unreadable */
}
