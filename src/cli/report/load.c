#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/report/report.h"
#include "eval/target.h"
#include "store/paths.h"

/* Reads config.ini. */
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
        status = report->config_text != NULL
                     ? SN_OK
                     : sn_fail(err, SN_ENOMEM, "configuration: out of memory");
    }
    if (status != SN_OK) {
        sn_config_destroy(&report->config);
    }
    return status;
}

/* Takes the configuration that the newest good checkpoint was made with. */
static void take_config_of_checkpoint(sn_report *report)
{
    sn_error ignored;
    if (!report->described) {
        return;
    }
    report->config_text = strdup(report->info.config_text);
    if (sn_config_create(&report->config, &ignored) == SN_OK &&
        sn_config_parse(report->config, report->info.config_text, "checkpoint",
                        &ignored) != SN_OK) {
        sn_config_destroy(&report->config);
    }
}

/* The pair of rank and host; rows come in the same order in every epoch. */
static sn_report_rank *find_rank(sn_report *report, const sn_rank_row *row, size_t hint)
{
    for (size_t i = 0; i < report->rank_count; i++) {
        sn_report_rank *at = &report->ranks[(hint + i) % report->rank_count];
        if (at->rank == row->rank &&
            strncmp(at->host, row->host, sizeof at->host) == 0) {
            return at;
        }
    }
    if (report->rank_count == report->rank_capacity) {
        const size_t wanted = 2 * report->rank_capacity + 16;
        sn_report_rank *grown = realloc(report->ranks, wanted * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        report->ranks = grown;
        report->rank_capacity = wanted;
    }
    sn_report_rank *added = &report->ranks[report->rank_count++];
    *added = (sn_report_rank){.rank = row->rank};
    memcpy(added->host, row->host, sizeof added->host);
    return added;
}

static void add_times(sn_report_times *sum, const sn_report_times *more)
{
    sum->gather += more->gather;
    sum->compute += more->compute;
    sum->wait += more->wait;
    sum->reduce += more->reduce;
    sum->update += more->update;
}

static void divide_times(sn_report_times *sum, double count)
{
    *sum =
        (sn_report_times){sum->gather / count, sum->compute / count, sum->wait / count,
                          sum->reduce / count, sum->update / count};
}

typedef struct rank_taker {
    sn_report *report;
    int64_t epoch; /* of the last row */
    size_t hint;
    bool out_of_memory;
} rank_taker;

static bool take_ranks(void *user, const void *rows, size_t count)
{
    rank_taker *taker = user;
    sn_report *report = taker->report;
    for (size_t i = 0; i < count; i++) {
        const sn_rank_row *row = (const sn_rank_row *)rows + i;
        sn_report_rank *rank = find_rank(report, row, taker->hint);
        if (rank == NULL) {
            taker->out_of_memory = true;
            return false;
        }
        taker->hint = (size_t)(rank - report->ranks) + 1;
        report->last_ranks = row->epoch == taker->epoch ? report->last_ranks + 1 : 1;
        taker->epoch = row->epoch;
        rank->epochs++;
        const sn_report_times times = {row->gather_seconds, row->compute_seconds,
                                       row->wait_seconds, row->reduce_seconds,
                                       row->update_seconds};
        add_times(&rank->times, &times);
    }
    return true;
}

static sn_report_host *find_host(sn_report *report, const char *host)
{
    size_t i = 0;
    const size_t bytes = sizeof report->hosts->host;
    while (i < report->host_count && strncmp(report->hosts[i].host, host, bytes) != 0) {
        i++;
    }
    if (i == report->host_count) {
        report->hosts[report->host_count++] = (sn_report_host){.ranks = 0};
        memcpy(report->hosts[i].host, host, bytes);
    }
    return &report->hosts[i];
}

static sn_status sum_up_hosts(sn_report *report, sn_error *err)
{
    report->hosts = calloc(report->rank_count + 1, sizeof *report->hosts);
    if (report->hosts == NULL) {
        return sn_fail(err, SN_ENOMEM, "report: out of memory");
    }
    for (size_t i = 0; i < report->rank_count; i++) {
        sn_report_rank *rank = &report->ranks[i];
        sn_report_host *host = find_host(report, rank->host);
        divide_times(&rank->times, (double)rank->epochs);
        host->ranks++;
        add_times(&host->times, &rank->times);
    }
    for (size_t i = 0; i < report->host_count; i++) {
        divide_times(&report->hosts[i].times, (double)report->hosts[i].ranks);
    }
    return SN_OK;
}

static sn_status load_metrics(sn_report *report, sn_error *err)
{
    char path[SN_PATH_BYTES];
    rank_taker taker = {.report = report, .epoch = -1};
    sn_status status = sn_path_join(path, report->run, SN_METRICS_FILE, err);
    if (status == SN_OK) {
        status =
            sn_metrics_read_epochs(path, &report->epochs, &report->epoch_count, err);
    }
    if (status == SN_OK) {
        status = sn_metrics_each(path, SN_TABLE_RANKS, take_ranks, &taker, err);
    }
    if (status == SN_OK && taker.out_of_memory) {
        status = sn_fail(err, SN_ENOMEM, "metrics (%s): out of memory", path);
    }
    return status == SN_OK ? sum_up_hosts(report, err) : status;
}

/* The epochs' sums, and the one whose weights are the result: as training does, the one
 * with the least validation error where best.h5 is kept, else the last one tested. */
static void sum_up_epochs(sn_report *report)
{
    const sn_config *config = report->config;
    const bool keeps_best = config == NULL || config->checkpoint_keep_best;
    const sn_epoch_row *best = NULL, *last = NULL;
    double samples = 0;
    for (size_t i = 0; i < report->epoch_count; i++) {
        const sn_epoch_row *row = &report->epochs[i];
        report->seconds += row->seconds;
        samples += row->seconds * row->samples_per_second;
        if (!isnan(row->validation_error) &&
            (best == NULL || row->validation_error < best->validation_error)) {
            best = row;
        }
        last = isnan(row->test_error) ? last : row;
    }
    report->samples_per_second = report->seconds > 0 ? samples / report->seconds : 0;
    report->by_validation = best != NULL && keeps_best;
    report->result = report->by_validation ? best : last;
    if (report->epoch_count > 0 && config != NULL) {
        report->finished =
            sn_config_is_finished(config, report->epochs[report->epoch_count - 1].epoch,
                                  best == NULL ? 0 : best->epoch);
    }
}

static void note_shapes(sn_report *report, const char *path)
{
    sn_checkpoint *checkpoint;
    sn_checkpoint_info info = {0};
    sn_error ignored;
    if (sn_checkpoint_open(path, &checkpoint, &info, &ignored) != SN_OK) {
        return;
    }
    const sn_layer_tensors *layers = sn_checkpoint_shapes(checkpoint);
    size_t used = 0;
    for (int64_t i = 0; i < info.layers; i++) {
        const int64_t in = layers[i].in, out = layers[i].out;
        report->parameters += out * (in + 1);
        if (used < sizeof report->widths) {
            const size_t room = sizeof report->widths - used;
            char *end = report->widths + used;
            used += (size_t)(i == 0 ? snprintf(end, room, "%lld-%lld", (long long)in,
                                               (long long)out)
                                    : snprintf(end, room, "-%lld", (long long)out));
        }
    }
    sn_checkpoint_close(&checkpoint);
}

static sn_status examine(const char *path, void *user, sn_error *err)
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
    sn_checkpoint_info info = {0};
    sn_error why = {""};
    struct stat file;
    const char *slash = strrchr(path, '/');
    snprintf(found->name, sizeof found->name, "%s", slash != NULL ? slash + 1 : path);
    found->bytes = stat(path, &file) == 0 ? (double)file.st_size : 0;
    found->status = sn_checkpoint_verify(path, &info, &why);
    if (found->status != SN_OK && !sn_file_exists(path)) { /* removed meanwhile */
        return SN_OK;
    }
    report->checkpoint_count++;
    if (found->status != SN_OK) {
        snprintf(found->fault, sizeof found->fault, "%s", why.message);
        return SN_OK;
    }
    found->epoch = info.position.epoch;
    found->step = info.position.step;
    snprintf(found->created_utc, sizeof found->created_utc, "%s", info.created_utc);
    if (report->described) {
        return SN_OK;
    }
    report->described = true;
    report->info = info;
    note_shapes(report, path);
    return SN_OK;
}

sn_status sn_report_load(const char *run, sn_report *report, sn_error *err)
{
    *report = (sn_report){.run = run};
    if (!sn_is_folder(run)) {
        return sn_fail(err, SN_ENOINPUT, "cannot open (%s): no folder of a run", run);
    }
    sn_status status = load_metrics(report, err);
    if (status == SN_OK) {
        status = sn_target_each(run, examine, report, err);
    }
    if (status == SN_OK) {
        sn_error why = {""};
        if (load_config(report, &why) != SN_OK) {
            memcpy(report->no_config, why.message, sizeof report->no_config);
            take_config_of_checkpoint(report);
        }
        sum_up_epochs(report);
    }
    return status;
}

void sn_report_clear(sn_report *report)
{
    free(report->config_text);
    sn_config_destroy(&report->config);
    free(report->epochs);
    free(report->ranks);
    free(report->hosts);
    free(report->checkpoints);
    *report = (sn_report){.run = NULL};
}
