/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/system/file.h"
#include "base/system/stop.h"
#include "base/text/number.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "config/config.h"
#include "eval/result.h"
#include "store/h5/format.h"
#include "store/metrics/metrics.h"
#include "store/paths.h"

typedef struct arguments {
    const char *target;
    int table; /* sn_metrics_kind */
    bool csv, follow, result;
} arguments;

static void print_number(double value, int decimals)
{
    if (isnan(value)) {
        printf(" %9s", "-");
    } else {
        char number[SN_NUMBER_BYTES];
        printf(" %9s", sn_number_text(value, decimals, number));
    }
}

static void print_epoch(const void *rows, size_t index)
{
    const sn_epoch_row *row = (const sn_epoch_row *)rows + index;
    printf("%5" PRId64 " %10" PRId64 " %9.3g", row->epoch, row->step,
           row->learning_rate);
    print_number(row->train_loss, 5);
    print_number(100 * row->train_error, 2);
    print_number(100 * row->validation_error, 2);
    print_number(100 * row->test_error, 2);
    print_number(row->seconds, 2);
    print_number(row->samples_per_second, 0);
    putchar('\n');
}

static void print_step(const void *rows, size_t index)
{
    const sn_step_row *row = (const sn_step_row *)rows + index;
    printf("%10" PRId64 " %5" PRId64 " %9.3g", row->step, row->epoch,
           row->learning_rate);
    print_number(row->loss, 5);
    print_number(100 * row->error, 2);
    print_number(1e3 * row->seconds, 3);
    putchar('\n');
}

static void print_rank(const void *rows, size_t index)
{
    const sn_rank_row *row = (const sn_rank_row *)rows + index;
    printf("%5" PRId64 " %10" PRId64 " %5" PRId64, row->epoch, row->step, row->rank);
    print_number(row->gather_seconds, 3);
    print_number(row->compute_seconds, 3);
    print_number(row->wait_seconds, 3);
    print_number(row->reduce_seconds, 3);
    print_number(row->update_seconds, 3);
    putchar(' ');
    const size_t length = strnlen(row->host, sizeof row->host);
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)row->host[i];
        putchar(c < ' ' || c == 127 ? '?' : c);
    }
    putchar('\n');
}

typedef struct layout {
    const char *header;
    void (*print)(const void *rows, size_t index);
} layout;

static const layout layouts[SN_TABLES] = {
    {"epoch       step      rate      loss   train %   valid %    test %   seconds "
     "samples/s\n",
     print_epoch},
    {"      step epoch      rate      loss   error %        ms\n", print_step},
    {"epoch       step  rank  gather s compute s    wait s  reduce s  update s host\n",
     print_rank},
};

static void print_header(const arguments *given)
{
    if (given->csv) {
        sn_metrics_print_names(stdout, (sn_metrics_kind)given->table);
    } else {
        fputs(layouts[given->table].header, stdout);
    }
}

/* Prints the header if count is 0, as in the first call by sn_metrics_each, or the
 * rows.  Returns false if stdout has failed. */
static bool print_rows(void *user, const void *rows, size_t count)
{
    const arguments *given = user;
    if (count == 0) {
        print_header(given);
    } else if (given->csv) {
        sn_metrics_print_rows(stdout, (sn_metrics_kind)given->table, rows, count);
    }
    for (size_t i = 0; !given->csv && i < count && !ferror(stdout); i++) {
        layouts[given->table].print(rows, i);
    }
    return !ferror(stdout);
}

/* The paths of a run. */
typedef struct place {
    char folder[SN_PATH_BYTES], file[SN_PATH_BYTES], config[SN_PATH_BYTES];
} place;

/* Returns true if target, which does not exist yet, is the name of a file, not of a
 * folder. */
static bool names_file(const char *target)
{
    static const char ending[] = SN_H5_SUFFIX;
    const size_t length = strlen(target);
    return length >= strlen(ending) &&
           strcmp(target + length - strlen(ending), ending) == 0;
}

static sn_status find_paths(const char *target, place *at, sn_error *err)
{
    if (strlen(target) >= SN_PATH_BYTES) {
        return sn_fail(err, SN_ERANGE, "path too long (%s)", target);
    }
    sn_status status = SN_OK;
    strcpy(at->folder, target);
    if (sn_is_folder(target) || (!sn_file_exists(target) && !names_file(target))) {
        status = sn_path_join(at->file, target, SN_METRICS_FILE, err);
    } else {
        strcpy(at->file, target);
        sn_path_parent(at->folder, target);
    }
    return status == SN_OK ? sn_path_join(at->config, at->folder, SN_CONFIG_FILE, err)
                           : status;
}

/* Returns true if the configuration ends the run at the epoch of update.  Reads the
 * file each time: a resumed run may have another configuration. */
static bool has_ended(const place *at, const sn_metrics_update *update)
{
    sn_config *config;
    sn_error ignored;
    const bool ended = sn_config_create(&config, &ignored) == SN_OK &&
                       sn_config_read(config, at->config, &ignored) == SN_OK &&
                       sn_config_is_finished(config, update->epoch, update->best_epoch);
    sn_config_destroy(&config);
    return ended;
}

/* Returns true if the job may still create the metrics file. */
static bool may_appear(const place *at)
{
    return sn_is_folder(at->folder) && (access(at->file, R_OK) == 0 || errno == ENOENT);
}

/* Waits half a second.  Returns false if the reader of stdout has closed it. */
static bool pause_for_more(void)
{
    enum { PAUSE_MILLISECONDS = 500 };
    struct pollfd reader = {.fd = STDOUT_FILENO, .events = 0};
    return poll(&reader, 1, PAUSE_MILLISECONDS) <= 0 || (reader.revents & POLLERR) == 0;
}

static sn_status follow_rows(sn_metrics_follower *follower, const place *at,
                             arguments *given, sn_error *err)
{
    bool gone = false, ended = false;
    sn_status status = SN_OK;
    while (status == SN_OK && !gone && !ended && sn_stop_requested() == 0) {
        sn_metrics_update update;
        status = sn_metrics_poll(follower, print_rows, given, &update, err);
        if (status == SN_ENOINPUT && may_appear(at)) {
            status = SN_OK; /* the file does not exist yet */
        }
        if (update.cut) {
            fprintf(
                stderr,
                "shardnet: metrics (%s): shortened by a resumed run; printing the rows "
                "after step %" PRId64 " again\n",
                at->file, update.cut_step);
            continue;
        }
        if (fflush(stdout) != 0 || ferror(stdout)) {
            gone = errno == EPIPE;
            break;
        }
        ended = status == SN_OK && update.complete && has_ended(at, &update);
        gone = status == SN_OK && !ended && !pause_for_more();
    }
    /* a closed stdout is no failure: discard the buffered output */
    return gone && freopen("/dev/null", "w", stdout) == NULL
               ? sn_fail(err, SN_EIO, "cannot write to standard output")
               : status;
}

/* Waits until the run creates its folder.  Prints one line first, so that the user
 * notices a mistyped name.  Sets *gone if the reader of stdout has closed it. */
static sn_status wait_for_folder(const place *at, bool *gone, sn_error *err)
{
    bool printed = false;
    while (!sn_is_folder(at->folder) && !*gone && sn_stop_requested() == 0) {
        const bool exists = access(at->folder, F_OK) == 0;
        if (exists ? !sn_is_folder(at->folder) : errno != ENOENT) {
            return sn_fail(err, SN_ENOINPUT,
                           "cannot open (%s): not the folder of a run", at->folder);
        }
        if (!printed) {
            fprintf(stderr, "shardnet: metrics (%s): no such folder yet; waiting\n",
                    at->folder);
        }
        printed = true;
        *gone = !pause_for_more();
    }
    return SN_OK;
}

static sn_status follow(const place *at, arguments *given, sn_error *err)
{
    sn_metrics_follower *follower;
    sn_status status = sn_metrics_follower_create(
        at->file, (sn_metrics_kind)given->table, &follower, err);
    if (status != SN_OK) {
        return status;
    }
    bool gone = false;
    (void)signal(SIGPIPE, SIG_IGN);
    sn_stop_watch(NULL);
    status = wait_for_folder(at, &gone, err);
    if (status == SN_OK && sn_file_exists(at->file)) {
        status = sn_format_expect_metrics(at->file, err);
    }
    if (status == SN_OK && !gone && sn_is_folder(at->folder)) {
        print_header(given);
        status = follow_rows(follower, at, given, err);
    }
    sn_stop_unwatch();
    sn_metrics_follower_destroy(&follower);
    return status;
}

/* Prints the row of the result, and the path of its checkpoint to stderr. */
static sn_status print_result(const place *at, arguments *given, sn_error *err)
{
    sn_result result;
    sn_epoch_row *rows = NULL;
    size_t count = 0;
    sn_status status = sn_result_find(at->folder, NULL, &result, err);
    if (status == SN_OK) {
        status = sn_metrics_read_epochs(at->file, &rows, &count, err);
    }
    if (status == SN_OK) {
        const sn_epoch_row *row = sn_result_row(rows, count, result.info.position.step);
        sn_job_warn(&result.found.notice);
        fprintf(stderr, "shardnet: checkpoint %s\n", result.found.path);
        print_header(given);
        (void)(row != NULL && print_rows(given, row, 1));
    }
    free(rows);
    return status;
}

static sn_status run(const void *user, sn_error *err)
{
    arguments given = *(const arguments *)user;
    place at;
    if (given.result && (given.follow || given.table != SN_TABLE_EPOCHS)) {
        return sn_options_refuse(&sn_command_metrics, err,
                                 "--result prints a row of the table of epochs: "
                                 "without --follow and another --table");
    }
    sn_status status = find_paths(given.target, &at, err);
    if (status == SN_OK && given.follow) {
        return follow(&at, &given, err);
    }
    if (status == SN_OK && access(given.target, F_OK) != 0) {
        status = sn_fail(err, SN_ENOINPUT, "cannot open (%s): %s", given.target,
                         strerror(errno));
    }
    if (status == SN_OK) {
        status = sn_format_expect_metrics(at.file, err);
    }
    if (status == SN_OK && given.result) {
        return print_result(&at, &given, err);
    }
    return status == SN_OK ? sn_metrics_each(at.file, (sn_metrics_kind)given.table,
                                             print_rows, &given, err)
                           : status;
}

const sn_command sn_command_metrics = {
    .name = "metrics",
    .summary = "print a table of a run's metrics, also while the job runs",
    .text =
        "Prints a table of a run's metrics.\n\n"
        "--follow ends with exit code 0 when the last epoch is printed (train.epochs, "
        "or train.early_stop_patience is exhausted), on Ctrl-C or SIGTERM, or when the "
        "reader of its output ends. After a stopped or killed job, --follow waits for "
        "the resumed job. If a resumed job repeats steps, --follow prints a line to "
        "stderr and the new rows.\n\n" SN_TEXT_RESULT,
    .operands = {{SN_OPERAND("RUN", target, "the folder of a run, or its metrics.h5")}},
    .options =
        {{SN_FLAG("csv", csv,
                  "print comma-separated values: all columns, exact numbers, empty for "
                  "values that were not measured")},
         {SN_CHOICE("table", sn_metrics_names, table, "the table to print (epochs)")},
         {SN_FLAG(
             "result", result,
             "print only the epoch of the result: the last evaluated one up to its "
             "checkpoint, whose path goes to stderr")},
         {SN_FLAG(
             "follow", follow,
             "continue to print new rows, which the job saves with each checkpoint; "
             "wait for RUN if it does not exist yet")}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .run = run};
