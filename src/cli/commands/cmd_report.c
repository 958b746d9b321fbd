/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "cli/report/comparison.h"
#include "store/paths.h"

typedef struct arguments {
    sn_words runs;
    const char *output, *choice, *data_dir;
} arguments;

/* The contents of a page: those of one run, or of several. */
typedef struct contents {
    sn_report report;
    sn_report_network network;
    sn_comparison comparison; /* zeros for one run */
    sn_report_plots plots;
} contents;

static void clear(contents *page)
{
    sn_report_plots_clear(&page->plots);
    sn_comparison_clear(&page->comparison);
    sn_report_network_clear(&page->network);
    sn_report_clear(&page->report);
}

static sn_status write_page(const char *path, const contents *page, sn_error *err)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (out == NULL) {
        return sn_fail(err, SN_ENOMEM, "report: out of memory");
    }
    if (page->comparison.count > 0) {
        sn_comparison_page(out, &page->comparison, &page->plots);
    } else {
        sn_report_page(out, &page->report, &page->plots, &page->network);
    }
    const bool failed = ferror(out) != 0;
    sn_status status = SN_OK;
    if (fclose(out) != 0 || failed) {
        status = sn_fail(err, SN_ENOMEM, "report: out of memory");
    } else {
        status = sn_file_write_text(path, text, err);
    }
    free(text);
    if (status == SN_OK) {
        printf("report   %s\n", path);
    }
    return status;
}

static sn_status load_run(const arguments *given, contents *page, sn_error *err)
{
    sn_report *report = &page->report;
    sn_status status =
        sn_report_load(given->runs.word[0], given->choice, true, report, err);
    sn_job_warn(&report->found.found.notice);
    if (status == SN_OK) {
        status = sn_report_draw(report, &page->plots, err);
    }
    if (status == SN_OK && report->has_result) {
        status = sn_report_network_load(report->found.found.path, given->data_dir,
                                        &page->network, err);
        sn_job_warn(&page->network.notice);
    }
    return status;
}

static sn_status load_runs(const arguments *given, contents *page, sn_error *err)
{
    const sn_status status = sn_comparison_load(given->runs.word, given->runs.count,
                                                given->choice, &page->comparison, err);
    return status == SN_OK ? sn_comparison_draw(&page->comparison, &page->plots, err)
                           : status;
}

static void print_result(const contents *page)
{
    const sn_report *report = &page->report;
    if (page->comparison.count > 0) {
        printf("runs     %zu\n", page->comparison.count);
    } else if (report->has_result) {
        printf("result   %s: epoch %" PRId64 ", step %" PRId64 "\n",
               report->found.found.path,
               sn_position_epoch(&report->found.info.position),
               report->found.info.position.step);
    } else {
        printf("result   none: %s\n", report->no_result.message);
    }
    if (page->plots.missing.message[0] != '\0') {
        printf("plots    none: %s\n", page->plots.missing.message);
    }
}

static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    const bool one = given->runs.count == 1;
    char output[SN_PATH_BYTES] = SN_REPORT_FILE;
    if (!one && given->data_dir != NULL) {
        return sn_options_refuse(&sn_command_report, err,
                                 "--data needs a single RUN: the page of several runs "
                                 "has no predictions");
    }
    contents *page = sn_alloc(1, sizeof *page);
    if (page == NULL) {
        return sn_fail(err, SN_ENOMEM, "report: out of memory");
    }
    sn_status status = SN_OK;
    if (one) {
        status = sn_path_join(output, given->runs.word[0], SN_REPORT_FILE, err);
    }
    if (status == SN_OK) {
        status = (one ? load_run : load_runs)(given, page, err);
    }
    if (status == SN_OK) {
        status = write_page(given->output != NULL ? given->output : output, page, err);
    }
    if (status == SN_OK) {
        print_result(page);
    }
    clear(page);
    free(page);
    return status;
}

const sn_command sn_command_report = {
    .name = "report",
    .summary = "write a report of one or several runs as one HTML page",
    .text =
        "Writes an HTML page: result, model and data, settings other than the defaults, "
        "training curves, predictions for the test set with the worst mistakes, weights "
        "of the first layer, time per rank, checkpoints and whether they are valid, "
        "configuration. The page needs no other file and no network. The program "
        "gnuplot draws the plots; without it the page has tables only. Without the data "
        "set the page has no predictions. The job may still be running. " SN_TEXT_RESULT
        "\n\nThe page of several runs has results, times, curves, and the settings that "
        "differ, in the order of `shardnet compare`.",
    .operands = {{SN_OPERAND("RUN", runs,
                             "the folder of a run; several runs are compared"),
                  .many = true}},
    .options = {{SN_TEXT("output", "FILE", output,
                         "path of the page (RUN/report.html; of several runs, "
                         "report.html in the current folder)"),
                 .letter = 'o'},
                {SN_OPTION_DATA},
                {SN_OPTION_CHECKPOINT}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .run = run};
