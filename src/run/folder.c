/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/folder.h"

#include <stdio.h>

#include "base/system/file.h"
#include "store/paths.h"

/* Returns true if the file at path contains exactly text. */
static bool has_content(const char *path, const char *text)
{
    FILE *file = fopen(path, "r");
    bool same = file != NULL;
    for (const char *c = text; same && *c != '\0'; c++) {
        same = fgetc(file) == (unsigned char)*c;
    }
    same = same && fgetc(file) == EOF;
    if (file != NULL) {
        (void)fclose(file);
    }
    return same;
}

/* Sets config and metrics to the paths of the two files. */
static sn_status find_files(const char *run, char config[SN_PATH_BYTES],
                            char metrics[SN_PATH_BYTES], sn_error *err)
{
    const sn_status status = sn_path_join(config, run, SN_CONFIG_FILE, err);
    return status == SN_OK ? sn_path_join(metrics, run, SN_METRICS_FILE, err) : status;
}

sn_status sn_folder_set_aside(const char *run, const char *config_text, bool fresh,
                              sn_error *warning, sn_error *err)
{
    char config[SN_PATH_BYTES], metrics[SN_PATH_BYTES];
    warning->message[0] = '\0';
    sn_status status = find_files(run, config, metrics, err);
    if (status != SN_OK) {
        return status;
    }
    const bool other = sn_file_exists(config) && !has_content(config, config_text);
    size_t count[SN_TABLES];
    const bool empty = sn_metrics_verify(metrics, count, NULL) == SN_OK &&
                       count[0] + count[1] + count[2] == 0;
    const bool rows =
        (fresh || other) && sn_file_exists(metrics) && !empty; /* or unreadable */
    char aside[SN_PATH_BYTES];
    if (other) {
        status = sn_file_move_away(config, SN_OLD, aside, err);
    }
    if (status == SN_OK && rows) {
        status = sn_file_move_away(metrics, SN_OLD, aside, err);
    }
    if (status == SN_OK && (other || rows)) {
        (void)sn_fail(warning, SN_OK, "run: existing %s%s%s renamed to *." SN_OLD,
                      other ? config : "", other && rows ? " and " : "",
                      rows ? metrics : "");
    }
    return status;
}

sn_status sn_folder_prepare(const char *run, const char *config_text, int64_t step,
                            const sn_rows *pending, sn_error *warning, sn_error *err)
{
    warning->message[0] = '\0';
    char config[SN_PATH_BYTES], metrics[SN_PATH_BYTES];
    sn_status status = find_files(run, config, metrics, err);
    if (status == SN_OK) {
        status = sn_file_write_text(config, config_text, err);
    }
    if (status == SN_OK) {
        status = sn_metrics_cut(metrics, step, warning, err);
    }
    if (status == SN_OK && pending != NULL && !sn_rows_empty(pending)) {
        status = sn_metrics_restore(metrics, pending, err);
    }
    return status;
}

/* Creates the folder and config.ini again if one of them has disappeared. */
static sn_status recreate_if_missing(const char *run, const char *config_text,
                                     int64_t step, sn_error *warning, sn_error *err)
{
    char path[SN_PATH_BYTES];
    sn_status status = sn_path_join(path, run, SN_CONFIG_FILE, err);
    if (status != SN_OK || sn_file_exists(path)) {
        return status;
    }
    status = sn_folder_create(run, err);
    if (status == SN_OK) {
        status = sn_folder_prepare(run, config_text, step, NULL, warning, err);
    }
    if (status == SN_OK && warning->message[0] == '\0') {
        (void)sn_fail(warning, SN_OK,
                      "run (%s): the folder or its " SN_CONFIG_FILE
                      " has disappeared; created again without the former content",
                      run);
    }
    return status;
}

sn_status sn_folder_append(const char *run, const char *config_text,
                           sn_backlog *backlog, sn_error *warning, sn_error *err)
{
    warning->message[0] = '\0';
    sn_rows *rows = &backlog->rows;
    /* metrics.h5 contains all rows up to this step. */
    const int64_t before = sn_rows_first_step(rows) - 1;
    char path[SN_PATH_BYTES];
    sn_status status = recreate_if_missing(run, config_text, before, warning, err);
    if (status == SN_OK) {
        status = sn_path_join(path, run, SN_METRICS_FILE, err);
    }
    if (status == SN_OK && backlog->append_failed) {
        status = sn_metrics_cut(path, before, warning, err);
    }
    if (status == SN_OK) {
        status = sn_metrics_append(path, rows, err);
        backlog->append_failed = status != SN_OK;
    }
    if (status == SN_OK) {
        sn_rows_reset(rows);
    }
    return status;
}
