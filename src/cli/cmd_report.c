/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/job.h"
#include "cli/report/report.h"
#include "store/paths.h"

typedef struct arguments {
    const char *run, *output, *choice;
} arguments;

static sn_status write_page(const char *path, const sn_report *report,
                            const sn_report_plots *plots, sn_error *err)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (out == NULL) {
        return sn_fail(err, SN_ENOMEM, "report: out of memory");
    }
    sn_report_page(out, report, plots);
    const bool failed = ferror(out) != 0;
    sn_status status;
    if (fclose(out) != 0 || failed) {
        status = sn_fail(err, SN_ENOMEM, "report: out of memory");
    } else if (sn_is_folder(path)) {
        status = sn_fail(err, SN_ECREATE,
                         "cannot create (%s): it is a folder; give the path of a file",
                         path);
    } else {
        status = sn_file_write_text(path, text, err);
    }
    free(text);
    return status;
}

static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    char output[SN_PATH_BYTES];
    sn_report report = {0};
    sn_report_plots plots = {.svg = {NULL}};
    sn_status status = sn_path_join(output, given->run, SN_REPORT_FILE, err);
    const char *path = given->output != NULL ? given->output : output;
    if (status == SN_OK) {
        status = sn_report_load(given->run, given->choice, &report, err);
        sn_job_warn(&report.found.found.notice);
    }
    if (status == SN_OK) {
        status = sn_report_draw(&report, &plots, err);
    }
    if (status == SN_OK) {
        status = write_page(path, &report, &plots, err);
    }
    if (status == SN_OK) {
        printf("report   %s\n", path);
        if (report.has_result) {
            printf("result   %s: epoch %" PRId64 ", step %" PRId64 "\n",
                   report.found.found.path,
                   sn_position_epoch(&report.found.info.position),
                   report.found.info.position.step);
        } else {
            printf("result   none: %s\n", report.no_result.message);
        }
        if (plots.missing.message[0] != '\0') {
            printf("plots    none: %s\n", plots.missing.message);
        }
    }
    sn_report_plots_clear(&plots);
    sn_report_clear(&report);
    return status;
}

const sn_command sn_command_report = {
    .name = "report",
    .summary = "write a report of a run as one HTML page",
    .text =
        "Writes an HTML page: result, model and data, training curves, time per rank, "
        "checkpoints and whether they are valid, configuration. The page needs no "
        "other file and no network. The program gnuplot draws the plots; without it "
        "the page has tables only. The job may still be running. " SN_TEXT_RESULT,
    .operands = {{SN_OPERAND("RUN", run, "the folder of a run")}},
    .options = {{SN_TEXT("output", "FILE", output,
                         "path of the page (RUN/report.html)"),
                 .letter = 'o'},
                {SN_OPTION_CHECKPOINT}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .run = run};
