#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/stop.h"
#include "cli/commands.h"
#include "cli/print/metrics.h"
#include "config/config.h"
#include "store/h5/format.h"
#include "store/paths.h"

static const char *const tables[] = {"epochs", "steps", "ranks", NULL}; /* by kind */

typedef struct arguments {
    const char *target;
    int table; /* sn_metrics_kind */
    bool csv, follow;
} arguments;

/* Where the metrics of a run lie. */
typedef struct place {
    char folder[SN_PATH_BYTES], file[SN_PATH_BYTES], config[SN_PATH_BYTES];
} place;

/* Is a name that leads nowhere yet that of a file, not of a run's folder? */
static bool names_file(const char *target)
{
    static const char ending[] = SN_H5_SUFFIX;
    const size_t length = strlen(target);
    return length >= strlen(ending) &&
           strcmp(target + length - strlen(ending), ending) == 0;
}

static sn_status find_place(const char *target, place *at, sn_error *err)
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

/* Does the run's configuration end it where the news say that it stands?  A resumed run
 * may have another one than before. */
static bool has_ended(const place *at, const sn_metrics_news *news)
{
    sn_config *config;
    sn_error ignored;
    const bool ended = sn_config_create(&config, &ignored) == SN_OK &&
                       sn_config_read(config, at->config, &ignored) == SN_OK &&
                       sn_config_is_finished(config, news->epoch, news->best_epoch);
    sn_config_destroy(&config);
    return ended;
}

/* Where there are no metrics: may the job still make them? */
static bool may_come(const place *at)
{
    return sn_is_folder(at->folder) && (access(at->file, R_OK) == 0 || errno == ENOENT);
}

/* A while; false when nobody reads the output any more. */
static bool pause_for_more(FILE *out)
{
    enum { PAUSE_MILLISECONDS = 500 };
    struct pollfd reader = {.fd = fileno(out), .events = 0};
    return poll(&reader, 1, PAUSE_MILLISECONDS) <= 0 || (reader.revents & POLLERR) == 0;
}

static sn_status follow_rows(sn_metrics_follower *follower, const place *at,
                             sn_metrics_printer *printer, sn_error *err)
{
    bool gone = false, ended = false;
    sn_status status = SN_OK;
    while (status == SN_OK && !gone && !ended && sn_stop_requested() == 0) {
        sn_metrics_news news;
        status = sn_metrics_look(follower, sn_metrics_print_piece, printer, &news, err);
        if (status == SN_ENOINPUT && may_come(at)) {
            status = SN_OK; /* not yet */
        }
        if (news.cut) {
            fprintf(stderr,
                    "shardnet: metrics (%s): cut by a resumed run; the rows after step "
                    "%" PRId64 " follow again\n",
                    at->file, news.cut_step);
            continue;
        }
        if (fflush(printer->out) != 0 || ferror(printer->out)) {
            gone = errno == EPIPE;
            break;
        }
        ended = status == SN_OK && news.complete && has_ended(at, &news);
        gone = status == SN_OK && !ended && !pause_for_more(printer->out);
    }
    /* a reader that ended is no failure: what is still buffered goes nowhere */
    return gone && freopen("/dev/null", "w", printer->out) == NULL
               ? sn_fail(err, SN_EIO, "cannot write to standard output")
               : status;
}

/* Waits for the folder of a run that has not begun; a mistyped name shows.  *gone where
 * nobody reads the output any more. */
static sn_status await_folder(const place *at, FILE *out, bool *gone, sn_error *err)
{
    bool printed = false;
    while (!sn_is_folder(at->folder) && !*gone && sn_stop_requested() == 0) {
        if (access(at->folder, F_OK) == 0 || errno != ENOENT) {
            return sn_fail(err, SN_ENOINPUT, "cannot open (%s): no folder of a run",
                           at->folder);
        }
        if (!printed) {
            fprintf(stderr, "shardnet: metrics (%s): no such folder yet; waiting\n",
                    at->folder);
        }
        printed = true;
        *gone = !pause_for_more(out);
    }
    return SN_OK;
}

static sn_status follow(const place *at, sn_metrics_printer *printer, sn_error *err)
{
    sn_metrics_follower *follower;
    sn_status status = sn_metrics_follow(at->file, printer->kind, &follower, err);
    if (status != SN_OK) {
        return status;
    }
    bool gone = false;
    signal(SIGPIPE, SIG_IGN);
    sn_stop_watch(NULL);
    status = await_folder(at, printer->out, &gone, err);
    if (status == SN_OK && sn_file_exists(at->file)) {
        status = sn_format_expect_metrics(at->file, err);
    }
    if (status == SN_OK && !gone && sn_is_folder(at->folder)) {
        sn_metrics_print_header(printer);
        status = follow_rows(follower, at, printer, err);
    }
    sn_stop_unwatch();
    sn_metrics_unfollow(&follower);
    return status;
}

static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    place at;
    sn_metrics_printer printer = {
        .out = stdout, .kind = (sn_metrics_kind)given->table, .csv = given->csv};
    sn_status status = find_place(given->target, &at, err);
    if (status == SN_OK && given->follow) {
        return follow(&at, &printer, err);
    }
    if (status == SN_OK && access(given->target, F_OK) != 0) {
        status = sn_fail(err, SN_ENOINPUT, "cannot open (%s): %s", given->target,
                         strerror(errno));
    }
    if (status == SN_OK) {
        status = sn_format_expect_metrics(at.file, err);
    }
    return status == SN_OK ? sn_metrics_each(at.file, printer.kind,
                                             sn_metrics_print_piece, &printer, err)
                           : status;
}

const sn_command sn_command_metrics = {
    .name = "metrics",
    .summary = "print a table of a run's metrics; --follow a running job",
    .text =
        "Prints a table of a run's metrics.\n\n"
        "--follow ends with 0 when the last epoch of config.ini is there, or "
        "early_stop_patience is exhausted; on Ctrl-C or SIGTERM; or when nobody reads its "
        "output any more. No file records that a run was stopped or killed: --follow then "
        "waits for its continuation. Rows that a resumed run makes again are printed "
        "again, after a line on stderr.",
    .operands = {{SN_OPERAND("RUN", target,
                             "the folder of a run, or its file metrics.h5")}},
    .options =
        {{SN_FLAG(
             "csv", csv,
             "comma-separated values with every column, numbers exact, empty where nothing "
             "was measured; else aligned, times of steps in ms")},
         {SN_CHOICE("table", tables, table, "the table to print (epochs)")},
         {SN_FLAG(
             "follow", follow,
             "then print new rows as the job saves them, with each checkpoint; wait for RUN "
             "and its file where they do not exist yet")}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .run = run};
