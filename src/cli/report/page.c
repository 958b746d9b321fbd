/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the page, in the light or dark colours of the browser.  All text from the run
 * passes through sn_html_text. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/report/html.h"
#include "cli/report/report.h"

/* The largest numbers of rows in the tables. */
enum { MAX_EPOCH_ROWS = 24, MAX_RANK_ROWS = 64, MAX_HOST_ROWS = 512 };

static void host(FILE *out, const char *before, const sn_report_row *row,
                 const char *after)
{
    fputs(before, out);
    sn_html_text(out, row->host, sizeof row->host);
    fputs(after, out);
}

static void write_state(FILE *out, const sn_report *report)
{
    fputs("<p class=\"quiet\">", out);
    if (report->epoch_count == 0) {
        fputs("No epoch has finished yet.", out);
    } else {
        const int64_t epoch = sn_report_last_epoch(report);
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
        sn_html_words(out, "<p class=\"quiet\">No checkpoint holds the result: ",
                      report->no_result.message, ".</p>\n");
        return;
    }
    sn_html_words(out, "<p class=\"quiet\">The weights of the result are in ",
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
        sn_html_words(
            out, "", report->info.layers > 1 ? report->info.activation : "softmax", "");
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
        sn_html_words(out, "", report->config->data_dir, "<br>");
    }
    if (report->has_checkpoint) {
        sn_html_words(out, "", report->info.data_source, "");
        fprintf(out, ", %" PRId64 " training images", report->info.train_count);
        if (report->config != NULL && report->config->data_validation > 0) {
            fprintf(out, ", %" PRId64 " held out for validation",
                    report->config->data_validation);
        }
        sn_html_words(out, "<br><span class=\"quiet\">SHA-256 ",
                      report->info.train_digest, "</span>");
    } else {
        fputs("number of images unknown: there is no good checkpoint", out);
    }
    end_fact(out);
}

static void write_training(FILE *out, const sn_config *config)
{
    begin_fact(out, "Training");
    fprintf(out,
            "%" PRId64 " epochs, global batch %" PRId64 ", learning rate %g (%s), ",
            config->train_epochs, config->train_batch, config->optimizer_learning_rate,
            sn_config_choice_name("optimizer", "schedule", config->optimizer_schedule));
    if (config->optimizer_kind == SN_KIND_ADAMW) {
        fprintf(out, "adamw, weight decay %g", config->optimizer_weight_decay);
    } else {
        fprintf(out, "momentum %g (%s)", config->optimizer_momentum,
                sn_config_choice_name("optimizer", "momentum_kind",
                                      config->optimizer_momentum_kind));
    }
    if (config->optimizer_clip_norm > 0) {
        fprintf(out, ", gradient norm at most %g", config->optimizer_clip_norm);
    }
    if (config->train_average > 0) {
        fprintf(out, ", weights averaged (%g)", config->train_average);
    }
    fprintf(out, ", seed %" PRId64, config->train_seed);
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
        sn_html_words(out, "shardnet ", report->info.program_version, "");
        sn_html_words(out, "; newest good checkpoint written at ",
                      report->info.created_utc, "");
    } else {
        fputs("version unknown: there is no good checkpoint", out);
    }
    end_fact(out);
    fputs("</table>\n", out);
}

/* Writes the keys that do not have their default. */
static void write_changed(FILE *out, const sn_report *report)
{
    const sn_differences *changed = &report->changed;
    fputs("<h2>Settings other than the defaults</h2>\n", out);
    if (report->config_text == NULL || changed->keys == 0) {
        fprintf(out, "<p>%s.</p>\n",
                report->config_text == NULL ? "Unknown: there is no configuration"
                                            : "Every key has its default");
        return;
    }
    fputs("<table class=\"settings\">\n<thead><tr><th>key</th><th>value</th>"
          "<th>default</th></tr></thead>\n<tbody>\n",
          out);
    for (size_t i = 0; i < changed->keys; i++) {
        const sn_difference *key = &changed->key[i];
        sn_html_setting(out, "<tr><td>", key->name, "</td>");
        sn_html_setting(out, "<td><b>", key->value[1], "</b></td>");
        sn_html_setting(out, "<td>", key->value[0], "</td></tr>\n");
    }
    fputs("</tbody></table>\n<p class=\"quiet\">Where the default is auto, the program "
          "chose the value unless somebody set it.</p>\n",
          out);
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
    const size_t count = report->epochs != NULL ? report->epoch_count : 0;
    const int64_t every = rows_every(report);
    bool validated = false;
    for (size_t i = 0; i < count; i++) {
        validated = validated || !isnan(report->epochs[i].validation_error);
    }
    fprintf(out,
            "<div class=\"wide\"><table>\n<thead><tr><th>epoch</th><th>step</th>"
            "<th>rate</th><th>training loss</th><th>training error %%</th>"
            "%s<th>test error %%</th><th>seconds</th><th>images/s</th></tr></thead>\n"
            "<tbody>\n",
            validated ? "<th>validation error %</th>" : "");
    for (size_t i = 0; i < count; i++) {
        const sn_epoch_row *row = &report->epochs[i];
        const bool chosen = row == report->result;
        if (row->epoch % every != 0 && i > 0 && i + 1 != count && !chosen) {
            continue;
        }
        fprintf(out, "<tr%s><td>%" PRId64 "</td><td>%" PRId64 "</td><td>%.3g</td>",
                chosen ? " class=\"chosen\"" : "", row->epoch, row->step,
                row->learning_rate);
        sn_html_cell(out, row->train_loss, 5);
        sn_html_cell(out, 100 * row->train_error, 2);
        if (validated) {
            sn_html_cell(out, 100 * row->validation_error, 2);
        }
        sn_html_cell(out, 100 * row->test_error, 2);
        sn_html_cell(out, row->seconds, 2);
        sn_html_cell(out, row->samples_per_second, 0);
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
        sn_html_words(out, "<p>This page has no plots: ", plots->missing.message,
                      ".</p>\n");
    }
    if (report->epoch_count == 0) {
        fputs("<p>No epoch has finished yet.</p>\n", out);
        return;
    }
    sn_html_plot(
        out, plots->svg[SN_PLOT_LOSS],
        "Loss: mean cross-entropy. The training loss is the mean over the epoch "
        "while the weights change, with penalties and dropout.");
    sn_html_plot(out, plots->svg[SN_PLOT_ERROR],
                 "Error: share of images with a wrong class.");
    sn_html_plot(out, plots->svg[SN_PLOT_RATE],
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
    sn_html_plot(
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
        sn_html_cell(out, (double)row->count, 0);
        for (int part = 0; part < SN_PARTS; part++) {
            sn_html_cell(out, row->seconds[part], 4);
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
        sn_html_words(out, "<tr><td class=\"text\">", found->name, "</td>");
        sn_html_cell(out, good ? (double)found->epoch : NAN, 0);
        sn_html_cell(out, good ? (double)found->step : NAN, 0);
        sn_html_cell(out, found->bytes / 1e6, 2);
        sn_html_words(out, "<td class=\"text\">", found->created_utc, "</td>");
        sn_html_words(out,
                      good ? "<td class=\"text\">good" : "<td class=\"text bad\">bad: ",
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
        sn_html_words(
            out, "<p>config.ini: ", report->no_config.message,
            report->config_text != NULL
                ? ". The newest good checkpoint holds this configuration:</p>\n"
                : ".</p>\n");
    }
    if (report->config_text != NULL) {
        sn_html_words(out, "<pre>", report->config_text, "</pre>\n");
    }
}

void sn_report_page(FILE *out, const sn_report *report, const sn_report_plots *plots,
                    const sn_report_network *network)
{
    sn_html_begin(out, report->run);
    sn_report_network_write_rules(out, network);
    sn_html_heading(out, report->run);
    write_state(out, report);
    write_figures(out, report);
    write_facts(out, report);
    write_changed(out, report);
    write_curves(out, report, plots);
    sn_report_network_write(out, network);
    write_times(out, report, plots);
    write_checkpoints(out, report);
    write_config(out, report);
    sn_html_end(out);
}
