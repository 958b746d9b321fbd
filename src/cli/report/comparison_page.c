/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the page about several runs. */
#include <inttypes.h>
#include <math.h>

#include "cli/report/comparison.h"
#include "cli/report/html.h"
#include "cli/report/plot.h"

static void write_rank(FILE *out, const sn_comparison *comparison, size_t i)
{
    const size_t rank = sn_comparison_rank(comparison, i);
    fputs(rank == 1 ? "<tr class=\"chosen\">" : "<tr>", out);
    sn_html_cell(out, rank > 0 ? (double)rank : NAN, 0);
}

/* Writes the cell with the path of a run and the line of its curves. */
static void write_run(FILE *out, const sn_comparison *comparison, size_t i)
{
    fputs("<td class=\"text run\">", out);
    if (i < SN_PLOT_RUNS) {
        fprintf(out, "<i style=\"border-top-style:%s;border-top-color:%s\"></i>%zu ",
                sn_plot_is_dashed(i) ? "dashed" : "solid", sn_plot_colour(i), i + 1);
    }
    sn_html_words(out, "", comparison->order[i]->run, "</td>");
}

static void write_results(FILE *out, const sn_comparison *comparison)
{
    fputs("<h2>Results</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>rank</th>"
          "<th class=\"text\">run</th><th>validation error %</th><th>test error %</th>"
          "<th>epoch</th><th>epochs</th><th>training time s</th><th>images/s</th>"
          "<th>ranks</th><th class=\"text\">state</th></tr></thead>\n<tbody>\n",
          out);
    for (size_t i = 0; i < comparison->count; i++) {
        const sn_report *run = comparison->order[i];
        const sn_epoch_row *result = run->result;
        write_rank(out, comparison, i);
        write_run(out, comparison, i);
        sn_html_cell(out, 100 * sn_comparison_error(run), 2);
        sn_html_cell(out, result != NULL ? 100 * result->test_error : NAN, 2);
        sn_html_cell(out, result != NULL ? (double)result->epoch : NAN, 0);
        sn_html_cell(out, (double)sn_report_last_epoch(run), 0);
        sn_html_cell(out, run->seconds, 1);
        sn_html_cell(out, run->samples_per_second, 0);
        sn_html_cell(out, run->last_ranks > 0 ? (double)run->last_ranks : NAN, 0);
        fprintf(out, "<td class=\"text\">%s</td></tr>\n",
                run->finished ? "finished" : "not finished");
    }
    fputs("</tbody></table></div>\n", out);
    for (size_t i = 0; i < comparison->count; i++) {
        const sn_report *run = comparison->order[i];
        if (!run->has_result) {
            sn_html_words(out, "<p class=\"bad\">", run->run, ": ");
            sn_html_words(out,
                          "no checkpoint holds the result: ", run->no_result.message,
                          ".</p>\n");
        }
    }
    fputs("<p class=\"quiet\">The rank follows from the validation error of the result "
          "alone. The test error is shown and never ranks: if you choose a run by its "
          "test error, this error does not measure the error on new images any more. "
          "Epoch is that of the result. Times "
          "do not include start-up, evaluation and checkpoints.</p>\n",
          out);
}

static void write_settings(FILE *out, const sn_comparison *comparison)
{
    const sn_differences *differences = &comparison->differences;
    fputs("<h2>Settings that differ</h2>\n", out);
    if (differences->keys == 0) {
        fputs("<p>None.</p>\n", out);
        return;
    }
    fputs("<div class=\"wide\"><table>\n<thead><tr><th>rank</th>"
          "<th class=\"text\">run</th>",
          out);
    for (size_t k = 0; k < differences->keys; k++) {
        sn_html_words(out, "<th class=\"text key\">", differences->key[k].name,
                      "</th>");
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < comparison->count; i++) {
        write_rank(out, comparison, i);
        write_run(out, comparison, i);
        for (size_t k = 0; k < differences->keys; k++) {
            sn_html_setting(out, "<td class=\"text\">", differences->key[k].value[i],
                            "</td>");
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void write_plots(FILE *out, const sn_comparison *comparison,
                        const sn_report_plots *plots)
{
    fputs("<h2>Training curves</h2>\n", out);
    if (plots->missing.message[0] != '\0') {
        sn_html_words(out, "<p>This page has no plots: ", plots->missing.message,
                      ".</p>\n");
    }
    if (comparison->count > SN_PLOT_RUNS) {
        fprintf(out,
                "<p class=\"quiet\">Curves of the first %d runs of the table.</p>\n",
                SN_PLOT_RUNS);
    }
    sn_html_plot(out, plots->svg[SN_CURVES_VALIDATION],
                 "Validation error, %, over the epochs.");
    sn_html_plot(out, plots->svg[SN_CURVES_LOSS], "Training loss: mean cross-entropy.");
    sn_html_plot(out, plots->svg[SN_CURVES_TEST],
                 "Test error, %: for information, not for a choice.");
}

void sn_comparison_page(FILE *out, const sn_comparison *comparison,
                        const sn_report_plots *plots)
{
    char title[64];
    snprintf(title, sizeof title, "%zu runs", comparison->count);
    sn_html_begin(out, title);
    sn_html_heading(out, title);
    if (comparison->caution != NULL) {
        sn_html_words(out, "<p class=\"bad\">Caution: ", comparison->caution,
                      ".</p>\n");
    }
    if (isnan(sn_comparison_error(comparison->order[0]))) {
        fputs("<p>No run has a validation error, so no run has a rank.</p>\n", out);
    }
    write_results(out, comparison);
    write_settings(out, comparison);
    write_plots(out, comparison, plots);
    sn_html_end(out);
}
