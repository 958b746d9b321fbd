/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/report/report.h"
#include "eval/target.h"
#include "store/paths.h"

static sn_status load_config(sn_report *report, sn_error *err)
{
    char path[SN_PATH_BYTES];
    sn_status status = sn_path_join(path, report->run, SN_CONFIG_FILE, err);
    if (status == SN_OK) {
        status = sn_config_create(&report->config, err);
    }
    if (status == SN_OK) {
        status = sn_config_read(report->config, path, err);
    }
    if (status == SN_OK) {
        report->config_text = sn_config_text(report->config);
        if (report->config_text == NULL) {
            status = sn_fail(err, SN_ENOMEM, "configuration: out of memory");
        }
    }
    if (status != SN_OK) {
        sn_config_destroy(&report->config);
    }
    return status;
}

/* Lists the keys that do not have their default, which for data.dir is none. */
static sn_status find_changed(sn_report *report, sn_error *err)
{
    sn_config *defaults;
    sn_status status = sn_config_create(&defaults, err);
    if (status != SN_OK) {
        return status;
    }
    defaults->data_dir[0] = '\0';
    char *text = sn_config_text(defaults);
    sn_config_destroy(&defaults);
    if (text == NULL) {
        return sn_fail(err, SN_ENOMEM, "configuration: out of memory");
    }
    const char *const texts[] = {text, report->config_text};
    status = sn_differences_find(texts, 2, &report->changed, err);
    free(text);
    return status;
}

/* Uses the configuration in the newest good checkpoint or in that of the result. */
static void use_checkpoint_config(sn_report *report)
{
    sn_error ignored;
    const char *text = report->has_checkpoint ? report->info.config_text
                       : report->has_result   ? report->found.info.config_text
                                              : NULL;
    if (text == NULL) {
        return;
    }
    report->config_text = strdup(text);
    if (sn_config_create(&report->config, &ignored) == SN_OK &&
        sn_config_parse(report->config, text, "checkpoint", &ignored) != SN_OK) {
        sn_config_destroy(&report->config);
    }
}

/* Adds the times of one epoch, or of one rank, to the row of rank and host.  *next is
 * the expected index of the row, then of the next row, because every epoch has the same
 * order of ranks.  Returns false if there is not enough memory. */
static bool add_times(sn_report_rows *rows, int64_t rank, const char *host,
                      const double seconds[SN_PARTS], size_t *next)
{
    sn_report_row *found = NULL;
    for (size_t i = 0; found == NULL && i < rows->count; i++) {
        sn_report_row *at = &rows->row[(*next + i) % rows->count];
        found = at->rank == rank && strncmp(at->host, host, sizeof at->host) == 0
                    ? at
                    : NULL;
    }
    if (found == NULL && rows->count == rows->capacity) {
        const size_t wanted = 2 * rows->capacity + 16;
        sn_report_row *grown = realloc(rows->row, wanted * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        rows->row = grown;
        rows->capacity = wanted;
    }
    if (found == NULL) {
        found = &rows->row[rows->count++];
        *found = (sn_report_row){.rank = rank};
        memcpy(found->host, host, sizeof found->host);
    }
    found->count++;
    for (int part = 0; part < SN_PARTS; part++) {
        found->seconds[part] += seconds[part];
    }
    *next = (size_t)(found - rows->row) + 1;
    return true;
}

static void make_means(sn_report_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        for (int part = 0; part < SN_PARTS; part++) {
            rows->row[i].seconds[part] /= (double)rows->row[i].count;
        }
    }
}

typedef struct rank_reader {
    sn_report *report;
    int64_t epoch; /* epoch of the last row */
    size_t next;
    bool out_of_memory;
} rank_reader;

static bool add_ranks(void *user, const void *rows, size_t count)
{
    rank_reader *reader = user;
    sn_report *report = reader->report;
    for (size_t i = 0; i < count && !reader->out_of_memory; i++) {
        const sn_rank_row *row = (const sn_rank_row *)rows + i;
        const double seconds[SN_PARTS] = {[SN_PART_GATHER] = row->gather_seconds,
                                          [SN_PART_COMPUTE] = row->compute_seconds,
                                          [SN_PART_REDUCE] = row->reduce_seconds,
                                          [SN_PART_WAIT] = row->wait_seconds,
                                          [SN_PART_UPDATE] = row->update_seconds};
        report->last_ranks = row->epoch == reader->epoch ? report->last_ranks + 1 : 1;
        reader->epoch = row->epoch;
        reader->out_of_memory =
            !add_times(&report->ranks, row->rank, row->host, seconds, &reader->next);
    }
    return !reader->out_of_memory;
}

static sn_status load_metrics(sn_report *report, sn_error *err)
{
    char path[SN_PATH_BYTES];
    rank_reader reader = {.report = report, .epoch = -1};
    sn_status status = sn_path_join(path, report->run, SN_METRICS_FILE, err);
    if (status == SN_OK) {
        status =
            sn_metrics_read_epochs(path, &report->epochs, &report->epoch_count, err);
    }
    if (status == SN_OK) {
        status = sn_metrics_each(path, SN_TABLE_RANKS, add_ranks, &reader, err);
    }
    if (status == SN_OK) {
        make_means(&report->ranks);
    }
    for (size_t i = 0, next = 0; status == SN_OK && i < report->ranks.count; i++) {
        const sn_report_row *rank = &report->ranks.row[i];
        reader.out_of_memory |=
            !add_times(&report->hosts, 0, rank->host, rank->seconds, &next);
    }
    make_means(&report->hosts);
    return status == SN_OK && reader.out_of_memory
               ? sn_fail(err, SN_ENOMEM, "metrics (%s): out of memory", path)
               : status;
}

/* Finds the checkpoint with the result and its epoch.  Only a checkpoint that choice
 * names must be good. */
static sn_status find_result(sn_report *report, const char *choice, sn_error *err)
{
    const sn_status status =
        sn_result_find(report->run, choice, &report->found, &report->no_result);
    report->has_result = status == SN_OK;
    report->result = sn_result_row(report->epochs, report->epoch_count,
                                   report->has_result ? report->found.info.position.step
                                                      : INT64_MAX);
    if (choice != NULL && status != SN_OK) {
        *err = report->no_result;
        return status;
    }
    return SN_OK;
}

static void sum_up_epochs(sn_report *report)
{
    const sn_config *config = report->config;
    const sn_epoch_row *best = NULL;
    double samples = 0;
    for (size_t i = 0; i < report->epoch_count; i++) {
        const sn_epoch_row *row = &report->epochs[i];
        report->seconds += row->seconds;
        samples += row->seconds * row->samples_per_second;
        if (!isnan(row->validation_error) &&
            (best == NULL || row->validation_error < best->validation_error)) {
            best = row;
        }
    }
    report->samples_per_second = report->seconds > 0 ? samples / report->seconds : 0;
    if (report->epoch_count > 0 && config != NULL) {
        report->finished = sn_config_is_finished(config, sn_report_last_epoch(report),
                                                 best == NULL ? 0 : best->epoch);
    }
}

static void record_shapes(sn_report *report, const char *path)
{
    sn_checkpoint *checkpoint;
    sn_checkpoint_info info = {0};
    sn_error ignored;
    if (sn_checkpoint_open(path, &checkpoint, &info, &ignored) != SN_OK) {
        return;
    }
    const sn_layer_tensors *layers = sn_checkpoint_shapes(checkpoint);
    const size_t bytes = sizeof report->widths;
    size_t used = (size_t)snprintf(report->widths, bytes, "%" PRId64, info.input);
    for (int64_t i = 0; i < info.layers; i++) {
        const int64_t in = layers[i].in, out = layers[i].out;
        report->parameters += out * (in + 1);
        used += used < bytes ? (size_t)snprintf(report->widths + used, bytes - used,
                                                "-%" PRId64, out)
                             : 0;
    }
    sn_checkpoint_close(&checkpoint);
}

/* Verifies the checkpoint at path and adds it to the report. */
static sn_status add_checkpoint(const char *path, void *user, sn_error *err)
{
    sn_report *report = user;
    sn_report_checkpoint *found =
        realloc(report->checkpoints, (report->checkpoint_count + 1) * sizeof *found);
    if (found == NULL) {
        return sn_fail(err, SN_ENOMEM, "report: out of memory");
    }
    report->checkpoints = found;
    found += report->checkpoint_count;
    *found = (sn_report_checkpoint){.bytes = 0};
    sn_checkpoint_info info;
    struct stat file;
    snprintf(found->name, sizeof found->name, "%s", strrchr(path, '/') + 1);
    found->bytes = stat(path, &file) == 0 ? (double)file.st_size : 0;
    found->status = sn_checkpoint_verify(path, &info, &found->error);
    if (found->status != SN_OK) { /* skip it if the job has removed it */
        report->checkpoint_count += sn_file_exists(path);
        return SN_OK;
    }
    report->checkpoint_count++;
    found->epoch = sn_position_epoch(&info.position);
    found->step = info.position.step;
    memcpy(found->created_utc, info.created_utc, sizeof found->created_utc);
    if (!report->has_checkpoint) {
        report->has_checkpoint = true;
        report->info = info;
        record_shapes(report, path);
    }
    return SN_OK;
}

sn_status sn_report_load(const char *run, const char *choice, bool verify,
                         sn_report *report, sn_error *err)
{
    *report = (sn_report){.run = run};
    if (!sn_is_folder(run)) {
        return sn_fail(err, SN_ENOINPUT, "cannot open (%s): not the folder of a run",
                       run);
    }
    sn_status status = load_metrics(report, err);
    if (status == SN_OK && verify) {
        status = sn_target_each(run, add_checkpoint, report, err);
    }
    if (status == SN_OK) {
        status = find_result(report, choice, err);
    }
    if (status != SN_OK) {
        return status;
    }
    if (load_config(report, &report->no_config) != SN_OK) {
        use_checkpoint_config(report);
    }
    sum_up_epochs(report);
    return find_changed(report, err);
}

int64_t sn_report_last_epoch(const sn_report *report)
{
    return report->epoch_count > 0 ? report->epochs[report->epoch_count - 1].epoch : 0;
}

void sn_report_clear(sn_report *report)
{
    free(report->config_text);
    sn_config_destroy(&report->config);
    sn_differences_clear(&report->changed);
    free(report->epochs);
    free(report->ranks.row);
    free(report->hosts.row);
    free(report->checkpoints);
    *report = (sn_report){.run = NULL};
}
