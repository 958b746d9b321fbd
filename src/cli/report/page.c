/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the page, in the light or dark colours of the browser.  All text from the run
 * passes through sn_html_text. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/system/clock.h"
#include "base/text/number.h"
#include "cli/report/html.h"
#include "cli/report/report.h"
#include "shardnet/version.h"

/* The largest numbers of rows in the tables. */
enum { MAX_EPOCH_ROWS = 24, MAX_RANK_ROWS = 64, MAX_HOST_ROWS = 512 };

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif;max-width:800px;"
    "margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem;line-height:1.25;margin:0;overflow-wrap:anywhere}"
    "h2{font-size:1.1rem;margin:2.2rem 0 .6rem;padding-bottom:.2rem;"
    "border-bottom:1px solid #8886}"
    "p{margin:.4rem 0}.quiet{opacity:.68}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(7rem,1fr));"
    "gap:.8rem 1.4rem;margin:1.4rem 0}"
    ".figures div{border-top:3px solid #3b7dd8;padding-top:.3rem}"
    ".figures b{display:block;font-size:1.35rem;font-weight:600;"
    "font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".figures span{font-size:.85rem;opacity:.68}"
    "table{border-collapse:collapse;width:100%;font-size:.88rem;"
    "font-variant-numeric:tabular-nums}"
    "th,td{text-align:right;padding:.2rem .5rem;border-bottom:1px solid #8883;"
    "vertical-align:top}"
    "th{font-weight:600;vertical-align:bottom}td{white-space:nowrap}"
    ".text,.facts th,.facts td{text-align:left}"
    ".facts td,.bad{overflow-wrap:anywhere;white-space:normal}"
    ".facts th{width:9rem;font-weight:400;opacity:.68;vertical-align:top}"
    ".chosen td{font-weight:600}.bad{color:#d33}"
    "figure{margin:1rem 0}figure svg{display:block;width:100%;height:auto}"
    "svg text{fill:CanvasText}"
    "pre{font-size:.78rem;line-height:1.45;columns:2;column-gap:2rem;"
    "white-space:pre-wrap;overflow-wrap:anywhere}"
    "footer{margin-top:2.5rem;font-size:.85rem;opacity:.68}"
    "@media(max-width:600px){pre{columns:1}.wide{overflow-x:auto}}"
    "@media print{:root{color-scheme:light;font-size:11px}"
    "body{margin:0;max-width:none;font-size:11px}figure svg{width:78%}"
    "figure,tr,.figures{break-inside:avoid}h2{break-after:avoid}}"
    "@page{margin:16mm}";

/* Writes words as text between two fragments of HTML. */
static void text(FILE *out, const char *before, const char *words, const char *after)
{
    fputs(before, out);
    sn_html_text(out, words, strlen(words));
    fputs(after, out);
}

static void host(FILE *out, const char *before, const sn_report_row *row,
                 const char *after)
{
    fputs(before, out);
    sn_html_text(out, row->host, sizeof row->host);
    fputs(after, out);
}

/* Writes a cell with this number of decimals; NaN, not measured, becomes a dash. */
static void cell(FILE *out, double value, int decimals)
{
    if (isnan(value)) {
        fputs("<td>&ndash;</td>", out);
    } else {
        char number[SN_NUMBER_BYTES];
        fprintf(out, "<td>%s</td>", sn_number_text(value, decimals, number));
    }
}

static void write_head(FILE *out, const sn_report *report)
{
    text(out,
         "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<title>",
         report->run, " &ndash; shardnet</title>\n<style>");
    fputs(style, out);
    text(out, "</style>\n</head>\n<body>\n<h1>", report->run,
         "</h1>\n<p class=\"quiet\">");
    if (report->epoch_count == 0) {
        fputs("No epoch has finished yet.", out);
    } else {
        const int64_t epoch = report->epochs[report->epoch_count - 1].epoch;
        if (report->finished) {
            fprintf(out, "Training finished after epoch %" PRId64, epoch);
        } else {
            fprintf(out, "Training has reached epoch %" PRId64, epoch);
        }
        if (report->config != NULL) {
            fprintf(out, " of %" PRId64, report->config->train_epochs);
        }
        fputc('.', out);
    }
    if (report->config != NULL && report->config->data_source == SN_SOURCE_SYNTHETIC) {
        fputs(" The images are synthetic digits drawn by the program, not MNIST.", out);
    }
    fputs("</p>\n", out);
}

/* Writes the file with the weights of the result. */
static void write_result(FILE *out, const sn_report *report)
{
    const sn_epoch_row *row = report->result;
    const sn_position *p = &report->found.info.position;
    if (!report->has_result) {
        text(out, "<p class=\"quiet\">No checkpoint holds the result: ",
             report->no_result.message, ".</p>\n");
        return;
    }
    text(out, "<p class=\"quiet\">The weights of the result are in ",
         report->found.found.path, "");
    fprintf(out, ": epoch %" PRId64 ", step %" PRId64, sn_position_epoch(p), p->step);
    if (row != NULL && report->found.found.best) {
        fprintf(out, ", the epoch with the lowest validation error, %.2f&nbsp;%%",
                100 * row->validation_error);
    } else if (row != NULL && row->step != p->step) {
        fprintf(out, "; accuracy and error are those of step %" PRId64, row->step);
    }
    fputs(".</p>\n", out);
}

/* Writes the most important numbers. */
static void write_figures(FILE *out, const sn_report *report)
{
    const sn_epoch_row *result = report->result;
    fputs("<div class=\"figures\">\n", out);
    if (result != NULL && !isnan(result->test_error)) {
        fprintf(out,
                "<div><b>%.2f&nbsp;%%</b><span>test accuracy</span></div>\n"
                "<div><b>%.2f&nbsp;%%</b><span>test error</span></div>\n",
                100 - 100 * result->test_error, 100 * result->test_error);
    }
    if (result != NULL) {
        fprintf(out, "<div><b>%" PRId64 "</b><span>%s</span></div>\n", result->epoch,
                report->found.found.best ? "best epoch" : "last evaluated epoch");
    }
    if (report->epoch_count > 0) {
        fprintf(out,
                "<div><b>%.*f&nbsp;s</b><span>training time</span></div>\n"
                "<div><b>%.0f</b><span>images/s</span></div>\n",
                report->seconds < 100 ? 1 : 0, report->seconds,
                report->samples_per_second);
    }
    fputs("</div>\n", out);
    write_result(out, report);
    if (report->epoch_count > 0) {
        fputs("<p class=\"quiet\">Training time and images/s do not include start-up, "
              "evaluation and checkpoints.</p>\n",
              out);
    }
}

static void begin_fact(FILE *out, const char *name)
{
    fprintf(out, "<tr><th scope=\"row\">%s</th><td>", name);
}

static void end_fact(FILE *out)
{
    fputs("</td></tr>\n", out);
}

static void write_model(FILE *out, const sn_report *report)
{
    const sn_config *config = report->config;
    begin_fact(out, "Model");
    if (report->has_checkpoint) {
        fprintf(out, "%s, ", report->widths);
        text(out, "", report->info.layers > 1 ? report->info.activation : "softmax",
             "");
        fprintf(out, ", %" PRId64 " parameters", report->parameters);
    } else if (config != NULL) {
        fputs("hidden layers of ", out);
        for (size_t i = 0; i < config->model_hidden.count; i++) {
            fprintf(out, "%s%zu", i > 0 ? ", " : "", config->model_hidden.width[i]);
        }
        fprintf(out, "%s units, %s", config->model_hidden.count == 0 ? "no" : "",
                sn_config_choice_name("model", "activation", config->model_activation));
    } else {
        fputs("unknown", out);
    }
    end_fact(out);
}

static void write_data(FILE *out, const sn_report *report)
{
    begin_fact(out, "Data");
    if (report->config != NULL && report->config->data_dir[0] != '\0') {
        text(out, "", report->config->data_dir, "<br>");
    }
    if (report->has_checkpoint) {
        text(out, "", report->info.data_source, "");
        fprintf(out, ", %" PRId64 " training images", report->info.train_count);
        if (report->config != NULL && report->config->data_validation > 0) {
            fprintf(out, ", %" PRId64 " held out for validation",
                    report->config->data_validation);
        }
        text(out, "<br><span class=\"quiet\">SHA-256 ", report->info.train_digest,
             "</span>");
    } else {
        fputs("number of images unknown: there is no good checkpoint", out);
    }
    end_fact(out);
}

static void write_training(FILE *out, const sn_config *config)
{
    begin_fact(out, "Training");
    fprintf(out,
            "%" PRId64 " epochs, global batch %" PRId64
            ", learning rate %g (%s), momentum "
            "%g "
            "(%s), seed %" PRId64,
            config->train_epochs, config->train_batch, config->optimizer_learning_rate,
            sn_config_choice_name("optimizer", "schedule", config->optimizer_schedule),
            config->optimizer_momentum,
            sn_config_choice_name("optimizer", "momentum_kind",
                                  config->optimizer_momentum_kind),
            config->train_seed);
    end_fact(out);
}

static void write_hosts(FILE *out, const sn_report *report)
{
    enum { MAX_NAMES = 16 };
    begin_fact(out, "Ranks");
    const sn_report_rows *hosts = &report->hosts;
    if (hosts->count == 0) {
        fputs("not recorded (metrics.per_rank = false, or no epoch has finished)", out);
    } else {
        fprintf(out, "%zu in the last epoch; hosts of the run: ", report->last_ranks);
    }
    for (size_t i = 0; i < hosts->count && i < MAX_NAMES; i++) {
        host(out, i > 0 ? ", " : "", &hosts->row[i], "");
    }
    if (hosts->count > MAX_NAMES) {
        fprintf(out, " and %zu more", hosts->count - MAX_NAMES);
    }
    end_fact(out);
}

static void write_facts(FILE *out, const sn_report *report)
{
    fputs("<h2>Model and data</h2>\n<table class=\"facts\">\n", out);
    write_model(out, report);
    write_data(out, report);
    if (report->config != NULL) {
        write_training(out, report->config);
    }
    write_hosts(out, report);
    begin_fact(out, "Program");
    if (report->has_checkpoint) {
        text(out, "shardnet ", report->info.program_version, "");
        text(out, "; newest good checkpoint written at ", report->info.created_utc, "");
    } else {
        fputs("version unknown: there is no good checkpoint", out);
    }
    end_fact(out);
    fputs("</table>\n", out);
}

static void write_plot(FILE *out, const char *svg, const char *caption)
{
    if (svg != NULL) {
        fprintf(out, "<figure>%s<figcaption class=\"quiet\">%s</figcaption></figure>\n",
                svg, caption);
    }
}

/* Returns the distance in epochs between two rows of the table, a multiple of
 * train.eval_every. */
static int64_t rows_every(const sn_report *report)
{
    const int64_t count = (int64_t)report->epoch_count;
    const int64_t every = (count + MAX_EPOCH_ROWS - 1) / MAX_EPOCH_ROWS;
    const int64_t evaluated =
        report->config != NULL ? report->config->train_eval_every : 1;
    return every > 1 ? (every + evaluated - 1) / evaluated * evaluated : 1;
}

static void write_epochs(FILE *out, const sn_report *report)
{
    const size_t count = report->epoch_count;
    const int64_t every = rows_every(report);
    fputs("<div class=\"wide\"><table>\n<thead><tr><th>epoch</th><th>step</th>"
          "<th>rate</th><th>training loss</th><th>training error %</th>"
          "<th>validation error %</th><th>test error %</th><th>seconds</th>"
          "<th>images/s</th></tr></thead>\n<tbody>\n",
          out);
    for (size_t i = 0; i < count; i++) {
        const sn_epoch_row *row = &report->epochs[i];
        const bool chosen = row == report->result;
        if (row->epoch % every != 0 && i > 0 && i + 1 != count && !chosen) {
            continue;
        }
        fprintf(out, "<tr%s><td>%" PRId64 "</td><td>%" PRId64 "</td><td>%.3g</td>",
                chosen ? " class=\"chosen\"" : "", row->epoch, row->step,
                row->learning_rate);
        cell(out, row->train_loss, 5);
        cell(out, 100 * row->train_error, 2);
        cell(out, 100 * row->validation_error, 2);
        cell(out, 100 * row->test_error, 2);
        cell(out, row->seconds, 2);
        cell(out, row->samples_per_second, 0);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    if (every > 1) {
        fprintf(out,
                "<p class=\"quiet\">The table shows one epoch in %" PRId64
                ", the first, the last, and in bold that of the result; <code>shardnet "
                "metrics</code> prints all epochs.</p>\n",
                every);
    }
}

static void write_curves(FILE *out, const sn_report *report,
                         const sn_report_plots *plots)
{
    fputs("<h2>Training curves</h2>\n", out);
    if (plots->missing.message[0] != '\0') {
        text(out, "<p>This page has no plots: ", plots->missing.message, ".</p>\n");
    }
    if (report->epoch_count == 0) {
        fputs("<p>No epoch has finished yet.</p>\n", out);
        return;
    }
    write_plot(out, plots->svg[SN_PLOT_LOSS],
               "Loss: mean cross-entropy. The training loss is the mean over the epoch "
               "while the weights change, with penalties and dropout.");
    write_plot(out, plots->svg[SN_PLOT_ERROR],
               "Error: share of images with a wrong class.");
    write_plot(out, plots->svg[SN_PLOT_RATE],
               "Learning rate at the end of each epoch.");
    write_epochs(out, report);
}

static double busy_seconds(const sn_report_row *row)
{
    return row->seconds[SN_PART_GATHER] + row->seconds[SN_PART_COMPUTE];
}

/* Writes the host whose ranks need most time before the reduction. */
static void write_slowest(FILE *out, const sn_report_rows *hosts)
{
    const sn_report_row *slowest = hosts->row;
    double mean = 0;
    for (size_t i = 0; i < hosts->count; i++) {
        const double own = busy_seconds(&hosts->row[i]);
        mean += own / (double)hosts->count;
        slowest = own > busy_seconds(slowest) ? &hosts->row[i] : slowest;
    }
    const double own = busy_seconds(slowest);
    host(out, hosts->count > 1 ? "<p>Slowest host: <b>" : "<p>The only host: <b>",
         slowest, "</b>");
    fprintf(out, ", with %.3g&nbsp;s per epoch and rank for gather and compute", own);
    if (hosts->count > 1) {
        fprintf(out, ", %.1f&nbsp;%% more than the mean of all hosts",
                mean > 0 ? 100 * (own / mean - 1) : 0);
    }
    fputs(".</p>\n", out);
}

static void write_times(FILE *out, const sn_report *report,
                        const sn_report_plots *plots)
{
    const bool by_host = report->ranks.count > MAX_RANK_ROWS;
    const sn_report_rows *rows = by_host ? &report->hosts : &report->ranks;
    fputs("<h2>Time per rank</h2>\n", out);
    if (rows->count == 0) {
        fputs("<p>Not recorded: metrics.per_rank is false, or no epoch has "
              "finished.</p>\n",
              out);
        return;
    }
    write_slowest(out, &report->hosts);
    write_plot(
        out, plots->svg[SN_PLOT_PARTS],
        "Mean seconds per epoch in the parts of a training step; reduce without wait.");
    fprintf(out,
            "<div class=\"wide\"><table>\n<thead><tr><th>%s</th>"
            "<th class=\"text\">host</th><th>%s</th><th>gather s</th>"
            "<th>compute s</th><th>reduce s</th><th>of which wait s</th>"
            "<th>update s</th></tr></thead>\n<tbody>\n",
            by_host ? "" : "rank", by_host ? "ranks" : "epochs");
    for (size_t i = 0; i < rows->count && i < MAX_HOST_ROWS; i++) {
        const sn_report_row *row = &rows->row[i];
        fprintf(out, "<tr><td>%" PRId64, by_host ? (int64_t)i + 1 : row->rank);
        host(out, "</td><td class=\"text\">", row, "</td>");
        cell(out, (double)row->count, 0);
        for (int part = 0; part < SN_PARTS; part++) {
            cell(out, row->seconds[part], 4);
        }
        fputs("</tr>\n", out);
    }
    fputs(
        "</tbody></table></div>\n<p class=\"quiet\">Seconds per epoch: the mean over "
        "the epochs of a rank. Wait is a lower bound of the time that a rank waits for "
        "the slowest one; reduce includes it.",
        out);
    if (by_host && rows->count > MAX_HOST_ROWS) {
        fprintf(out, " The table shows the first %d of %zu hosts.", MAX_HOST_ROWS,
                rows->count);
    }
    fputs("</p>\n", out);
}

static void write_checkpoints(FILE *out, const sn_report *report)
{
    fputs("<h2>Checkpoints</h2>\n", out);
    if (report->checkpoint_count == 0) {
        fputs("<p>There is no checkpoint.</p>\n", out);
        return;
    }
    fputs("<div class=\"wide\"><table>\n<thead><tr><th class=\"text\">file</th>"
          "<th>epoch</th><th>step</th><th>MB</th><th class=\"text\">written</th>"
          "<th class=\"text\">state</th></tr></thead>\n<tbody>\n",
          out);
    for (size_t i = 0; i < report->checkpoint_count; i++) {
        const sn_report_checkpoint *found = &report->checkpoints[i];
        const bool good = found->status == SN_OK;
        text(out, "<tr><td class=\"text\">", found->name, "</td>");
        cell(out, good ? (double)found->epoch : NAN, 0);
        cell(out, good ? (double)found->step : NAN, 0);
        cell(out, found->bytes / 1e6, 2);
        text(out, "<td class=\"text\">", found->created_utc, "</td>");
        text(out, good ? "<td class=\"text\">good" : "<td class=\"text bad\">bad: ",
             found->error.message, "</td></tr>\n");
    }
    fputs("</tbody></table></div>\n<p class=\"quiet\">Good: the file "
          "was verified for this page and agrees with its checksums and its SHA-256 "
          "digest.</p>\n",
          out);
}

static void write_config(FILE *out, const sn_report *report)
{
    fputs("<h2>Configuration</h2>\n", out);
    if (report->no_config.message[0] != '\0') {
        text(out, "<p>config.ini: ", report->no_config.message,
             report->config_text != NULL
                 ? ". The newest good checkpoint holds this configuration:</p>\n"
                 : ".</p>\n");
    }
    if (report->config_text != NULL) {
        text(out, "<pre>", report->config_text, "</pre>\n");
    }
}

void sn_report_page(FILE *out, const sn_report *report, const sn_report_plots *plots)
{
    char now[SN_UTC_TEXT_BYTES];
    sn_clock_utc_text(now);
    write_head(out, report);
    write_figures(out, report);
    write_facts(out, report);
    write_curves(out, report, plots);
    write_times(out, report, plots);
    write_checkpoints(out, report);
    write_config(out, report);
    fprintf(out,
            "<footer>Written by <code>shardnet report</code>, version %s, at "
            "%s.</footer>\n</body>\n</html>\n",
            sn_version(), now);
}
