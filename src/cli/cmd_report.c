#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/job.h"
#include "cli/report/report.h"
#include "store/paths.h"

#define SEE_HELP "see `shardnet report --help`"

static const char help_text[] =
    "usage: shardnet report RUN [-o FILE]\n"
    "\n"
    "Writes one HTML page about a run, for a browser, a printer or a mail: result, "
    "what\n"
    "was trained, curves over epochs, where the time went on each rank, checkpoints "
    "with\n"
    "their validity, configuration.  It needs no other file and no network.  Plots "
    "are\n"
    "drawn where gnuplot is installed; else the page has tables only, and says so.\n"
    "The run may still be going on.\n"
    "    -o FILE  instead of RUN/report.html\n";

typedef struct options {
    const char *run, *output;
} options;

static sn_status parse(int argc, char **argv, options *chosen, sn_error *err)
{
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const sn_word kind = sn_job_word(word, &ended);
        if (kind == SN_WORD_END) {
            continue;
        }
        if (kind == SN_WORD_OPTION && strcmp(word, "-o") == 0) {
            if (++i == argc || argv[i][0] == '\0') {
                return sn_fail(err, SN_EUSAGE,
                               "option without a value (-o): a file must "
                               "follow; " SEE_HELP);
            }
            chosen->output = argv[i];
        } else if (kind == SN_WORD_OPTION) {
            return sn_fail(err, SN_EUSAGE,
                           "unknown option (%s): report has -o; " SEE_HELP, word);
        } else if (chosen->run != NULL) {
            return sn_fail(err, SN_EUSAGE,
                           "too many arguments (%s): report takes one run; " SEE_HELP,
                           word);
        } else {
            chosen->run = word;
        }
    }
    return chosen->run != NULL ? SN_OK
                               : sn_fail(err, SN_EUSAGE,
                                         "missing argument (report): it needs the "
                                         "folder of a run; " SEE_HELP);
}

static sn_status write_page(const char *path, const sn_report *report,
                            const sn_report_plots *plots, sn_error *err)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (out != NULL) {
        sn_report_page(out, report, plots);
    }
    const bool failed = out == NULL || ferror(out) != 0;
    sn_status status = SN_OK;
    if ((out != NULL && fclose(out) != 0) || failed) {
        status = sn_fail(err, SN_ENOMEM, "report: out of memory");
    } else if (sn_is_folder(path)) {
        status =
            sn_fail(err, SN_ECREATE, "cannot create (%s): a folder; name a file", path);
    } else {
        status = sn_file_write_text(path, text, err);
    }
    free(text);
    return status;
}

sn_status sn_cmd_report(int argc, char **argv, sn_error *err)
{
    if (sn_job_asks_for_help(argc, argv)) {
        fputs(help_text, stdout);
        return SN_OK;
    }
    options chosen = {NULL, NULL};
    char joined[SN_PATH_BYTES];
    sn_status status = parse(argc, argv, &chosen, err);
    if (status == SN_OK && chosen.output == NULL) {
        status = sn_path_join(joined, chosen.run, SN_REPORT_FILE, err);
        chosen.output = joined;
    }
    if (status != SN_OK) {
        return status;
    }
    sn_report report;
    sn_report_plots plots = {NULL};
    status = sn_report_load(chosen.run, &report, err);
    if (status == SN_OK) {
        status = sn_report_draw(&report, &plots, err);
    }
    if (status == SN_OK) {
        status = write_page(chosen.output, &report, &plots, err);
    }
    if (status == SN_OK) {
        printf("report   %s\n", chosen.output);
        if (plots.missing[0] != '\0') {
            printf("plots    none: %s\n", plots.missing);
        }
    }
    sn_report_plots_clear(&plots);
    sn_report_clear(&report);
    return status;
}
