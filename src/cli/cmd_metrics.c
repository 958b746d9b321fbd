#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "cli/metrics_print.h"
#include "config/config.h"
#include "store/h5/format.h"
#include "store/paths.h"
#include "train/stop.h"

#define SEE_HELP "see `shardnet metrics --help`"

static const char help_text[] =
    "usage: shardnet metrics RUN [--csv] [--table epochs|steps|ranks] [--follow]\n"
    "\n"
    "Prints a table of a run's metrics.  RUN is the run's folder or its file "
    "metrics.h5.\n"
    "    --table NAME  epochs (default), steps or ranks\n"
    "    --csv         comma-separated values with every column, numbers exact, empty\n"
    "                  where nothing was measured; else aligned, times of steps in ms\n"
    "    --follow      then print new rows as the job saves them, with each "
    "checkpoint;\n"
    "                  waits for RUN and its file where they are not there yet.  Ends\n"
    "                  with 0 when the last epoch of config.ini is there, or\n"
    "                  early_stop_patience is exhausted; on Ctrl-C or SIGTERM; or "
    "when\n"
    "                  nobody reads its output any more.  Nothing on record tells of "
    "a\n"
    "                  run that was stopped or killed: --follow then waits for its\n"
    "                  continuation.  Rows that a resumed run makes again are printed\n"
    "                  again, after a line on stderr.\n";

typedef struct options {
    const char *target, *table;
    bool csv, follow;
} options;

/* Where the metrics of a run lie. */
typedef struct place {
    char folder[SN_PATH_BYTES], file[SN_PATH_BYTES], config[SN_PATH_BYTES];
} place;

static sn_status parse(int argc, char **argv, options *chosen, sn_error *err)
{
    static const char table[] = "--table";
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const sn_word kind = sn_job_word(word, &ended);
        if (kind == SN_WORD_END) {
            continue;
        }
        if (kind == SN_WORD_OPERAND && chosen->target == NULL) {
            chosen->target = word;
        } else if (kind == SN_WORD_OPERAND) {
            return sn_fail(err, SN_EUSAGE,
                           "too many arguments (%s): metrics takes one run; " SEE_HELP,
                           word);
        } else if (strcmp(word, "--csv") == 0) {
            chosen->csv = true;
        } else if (strcmp(word, "--follow") == 0) {
            chosen->follow = true;
        } else if (strcmp(word, table) == 0) {
            if (++i == argc) {
                return sn_fail(err, SN_EUSAGE,
                               "option without a value (%s): epochs, steps or ranks "
                               "must follow; " SEE_HELP,
                               word);
            }
            chosen->table = argv[i];
        } else if (strncmp(word, table, strlen(table)) == 0 &&
                   word[strlen(table)] == '=') {
            chosen->table = word + strlen(table) + 1;
        } else {
            return sn_fail(err, SN_EUSAGE,
                           "unknown option (%s): metrics has --csv, --table and "
                           "--follow; " SEE_HELP,
                           word);
        }
    }
    return SN_OK;
}

static sn_status check(const options *chosen, sn_metrics_kind *kind, sn_error *err)
{
    int found = 0;
    while (found < SN_TABLES &&
           strcmp(chosen->table, sn_metrics_name((sn_metrics_kind)found)) != 0) {
        found++;
    }
    if (found == SN_TABLES) {
        return sn_fail(
            err, SN_EUSAGE,
            "unknown table (--table %s): choose epochs, steps or ranks; " SEE_HELP,
            chosen->table);
    }
    if (chosen->target == NULL) {
        return sn_fail(
            err, SN_EUSAGE,
            "missing argument (metrics): it needs the folder of a run; " SEE_HELP);
    }
    *kind = (sn_metrics_kind)found;
    return SN_OK;
}

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
    sn_config *config = malloc(sizeof *config);
    sn_error ignored;
    bool ended = false;
    if (config != NULL) {
        sn_config_init(config);
        ended = sn_config_read(config, at->config, &ignored) == SN_OK &&
                sn_config_is_finished(config, news->epoch, news->best_epoch);
    }
    free(config);
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

/* A reader who has gone is no failure of ours: what is still buffered goes nowhere. */
static sn_status end_output(FILE *out, bool gone, sn_error *err)
{
    if (!gone && fflush(out) == 0 && !ferror(out)) {
        return SN_OK;
    }
    if ((gone || errno == EPIPE) && freopen("/dev/null", "w", out) != NULL) {
        return SN_OK;
    }
    return sn_fail(err, SN_EIO, "cannot write to standard output");
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
                    "shardnet: metrics (%s): cut back to step %" PRId64
                    " by a resumed run; later rows come anew\n",
                    at->file, news.cut_step);
            continue;
        }
        if (fflush(printer->out) != 0 || ferror(printer->out)) {
            break;
        }
        ended = status == SN_OK && news.complete && has_ended(at, &news);
        gone = status == SN_OK && !ended && !pause_for_more(printer->out);
    }
    return status == SN_OK ? end_output(printer->out, gone, err) : status;
}

/* Waits for the folder of a run that has not begun; a mistyped name shows.  *gone where
 * nobody reads the output any more. */
static sn_status await_folder(const place *at, FILE *out, bool *gone, sn_error *err)
{
    bool told = false;
    while (!sn_is_folder(at->folder) && !*gone && sn_stop_requested() == 0) {
        if (access(at->folder, F_OK) == 0 || errno != ENOENT) {
            return sn_fail(err, SN_ENOINPUT, "cannot open (%s): no folder of a run",
                           at->folder);
        }
        if (!told) {
            fprintf(stderr, "shardnet: metrics (%s): no such folder yet; waiting\n",
                    at->folder);
        }
        told = true;
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

sn_status sn_cmd_metrics(int argc, char **argv, sn_error *err)
{
    if (sn_job_asks_for_help(argc, argv)) {
        fputs(help_text, stdout);
        return SN_OK;
    }
    options chosen = {.table = "epochs"};
    place at;
    sn_metrics_printer printer = {.out = stdout};
    sn_status status = parse(argc, argv, &chosen, err);
    if (status == SN_OK) {
        status = check(&chosen, &printer.kind, err);
    }
    if (status == SN_OK) {
        printer.csv = chosen.csv;
        status = find_place(chosen.target, &at, err);
    }
    if (status == SN_OK && chosen.follow) {
        return follow(&at, &printer, err);
    }
    if (status == SN_OK && access(chosen.target, F_OK) != 0) {
        status = sn_fail(err, SN_ENOINPUT, "cannot open (%s): %s", chosen.target,
                         strerror(errno));
    }
    if (status == SN_OK) {
        status = sn_format_expect_metrics(at.file, err);
    }
    if (status == SN_OK) {
        status = sn_metrics_each(at.file, printer.kind, sn_metrics_print_piece,
                                 &printer, err);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == SN_OK) {
        status = sn_fail(err, SN_EIO, "cannot write to standard output");
    }
    return status;
}
