/* SPDX-License-Identifier: BSD-3-Clause */
/** Several runs, ranked by validation error (internal to cli).  The test error never
 *  ranks: it would no longer measure the error on new images. */
#ifndef SHARDNET_CLI_REPORT_COMPARISON_H
#define SHARDNET_CLI_REPORT_COMPARISON_H

#include "cli/report/report.h"

typedef struct sn_comparison {
    size_t count;
    sn_report *run; /* (count), in the order of their paths */
    const sn_report *
        *order; /* (count): by validation error; at the end those without */
    sn_differences differences; /* texts: the configurations in this order */
    const char *caution;        /* the reason not to compare errors, or NULL */
} sn_comparison;

/** Reads runs (count) and their results; choice: see sn_target_result.  The caller clears
 *  *comparison, also on failure; it points to the paths.  Errors: as sn_report_load. */
sn_status sn_comparison_load(char *const *runs, size_t count, const char *choice,
                             sn_comparison *comparison, sn_error *err) SN_MUST_CHECK;

/** Frees the contents of *comparison. */
void sn_comparison_clear(sn_comparison *comparison);

/** Returns the validation error of the result of a run, NAN if there is none. */
double sn_comparison_error(const sn_report *run);

/** Returns the rank of order[i], from 1; equal errors have equal ranks.  Returns 0 if the
 *  run has no validation error. */
size_t sn_comparison_rank(const sn_comparison *comparison, size_t i);

/** Draws training loss, validation error and test error of the first SN_PLOT_RUNS runs in
 *  the order.  The rest is as for sn_report_draw.  Errors: SN_ENOMEM. */
sn_status sn_comparison_draw(const sn_comparison *comparison, sn_report_plots *plots,
                             sn_error *err) SN_MUST_CHECK;

/** Writes the page: one HTML file that needs no other file. */
void sn_comparison_page(FILE *out, const sn_comparison *comparison,
                        const sn_report_plots *plots);

#endif
