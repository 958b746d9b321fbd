#include "train/folder.h"

#include "shardnet/file.h"

/* Cuts path back to step; where the file had to make room, that is the warning. */
static sn_status cut(const char *path, int64_t step, sn_error *warning, sn_error *err)
{
    int replaced;
    const sn_status status = sn_metrics_cut(path, step, &replaced, err);
    if (replaced > 0) {
        (void)sn_fail(warning, SN_OK,
                      "metrics (%s): damaged; moved to metrics.h5.damaged-%d, a new "
                      "file begins",
                      path, replaced);
    }
    return status;
}

sn_status sn_folder_begin(const char *run, const char *config_text, int64_t step,
                          sn_error *warning, sn_error *err)
{
    warning->message[0] = '\0';
    char path[SN_PATH_BYTES];
    sn_status status = sn_path_join(path, run, "config.ini", err);
    if (status == SN_OK) {
        status = sn_file_write_text(path, config_text, err);
    }
    if (status == SN_OK) {
        status = sn_path_join(path, run, "metrics.h5", err);
    }
    if (status == SN_OK) {
        status = cut(path, step, warning, err);
    }
    return status;
}

/* A folder that went away is made again. */
static sn_status find(const char *run, const char *config_text, int64_t step,
                      sn_error *warning, sn_error *err)
{
    char path[SN_PATH_BYTES];
    sn_status status = sn_path_join(path, run, "config.ini", err);
    if (status != SN_OK || sn_file_exists(path)) {
        return status;
    }
    status = sn_folder_create(run, err);
    if (status == SN_OK) {
        status = sn_folder_begin(run, config_text, step, warning, err);
    }
    (void)sn_fail(warning, SN_OK,
                  "run (%s): the folder or its config.ini has disappeared; made anew, "
                  "without what was in it",
                  run);
    return status;
}

sn_status sn_folder_append(const char *run, const char *config_text,
                           sn_backlog *backlog, sn_error *warning, sn_error *err)
{
    warning->message[0] = '\0';
    sn_rows *rows = &backlog->rows;
    const bool none = sn_rows_empty(rows);
    /* all of this is in the file */
    const int64_t before = none ? INT64_MAX : sn_rows_first_step(rows) - 1;
    char path[SN_PATH_BYTES];
    sn_status status = find(run, config_text, before, warning, err);
    if (status == SN_OK) {
        status = sn_path_join(path, run, "metrics.h5", err);
    }
    if (status == SN_OK && backlog->torn && !none) {
        status = cut(path, before, warning, err);
    }
    if (status == SN_OK) {
        status =
            sn_metrics_append(path, rows->epochs, rows->epoch_count, rows->steps,
                              rows->step_count, rows->ranks, rows->rank_count, err);
        backlog->torn = status != SN_OK;
    }
    if (status == SN_OK) {
        sn_rows_drop(rows);
    }
    return status;
}
