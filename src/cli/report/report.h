/* SPDX-License-Identifier: BSD-3-Clause */
/** The report of a run: its data and the page (internal to cli). */
#ifndef SHARDNET_CLI_REPORT_REPORT_H
#define SHARDNET_CLI_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/report/differences.h"
#include "cli/report/network.h"
#include "config/config.h"
#include "eval/result.h"
#include "store/checkpoint/checkpoint.h"
#include "store/metrics/metrics.h"

/** The parts of the time of an epoch; reduce includes wait. */
enum {
    SN_PART_GATHER,
    SN_PART_COMPUTE,
    SN_PART_REDUCE,
    SN_PART_WAIT,
    SN_PART_UPDATE,
    SN_PARTS
};

/** The mean times of a rank on one host over its epochs, or of a host over its ranks.
 */
typedef struct sn_report_row {
    char host[sizeof((sn_rank_row *)0)->host];
    int64_t rank;
    int64_t count;            /* number of epochs, or of ranks */
    double seconds[SN_PARTS]; /* seconds per epoch */
} sn_report_row;

typedef struct sn_report_rows {
    sn_report_row *row; /* (count) */
    size_t count, capacity;
} sn_report_rows;

typedef struct sn_report_checkpoint {
    char name[64]; /* file name */
    double bytes;
    sn_status status; /* result of sn_checkpoint_verify */
    sn_error error;
    int64_t epoch, step; /* 0 if the file is bad */
    char created_utc[sizeof((sn_checkpoint_info *)0)->created_utc];
} sn_report_checkpoint;

/** The contents of the page. */
typedef struct sn_report {
    const char *run;
    char *config_text;      /* NULL if there is none */
    sn_error no_config;     /* the reason if config.ini cannot be read, else "" */
    sn_config *config;      /* the same; NULL if this version cannot read it */
    sn_differences changed; /* keys with another value than the default:
                               value[0] is the default, value[1] the value */

    sn_epoch_row *epochs; /* (epoch_count) */
    size_t epoch_count;
    bool has_result;            /* a good checkpoint has the result */
    sn_result found;            /* this checkpoint */
    sn_error no_result;         /* the reason if there is none */
    const sn_epoch_row *result; /* the last evaluated epoch up to it; may be NULL */
    bool finished;
    double seconds; /* training time over all epochs */
    double samples_per_second;

    sn_report_rows ranks, hosts;
    size_t last_ranks; /* number of ranks in the last epoch */

    sn_report_checkpoint
        *checkpoints; /* (checkpoint_count): newest first, best.h5 last */
    size_t checkpoint_count;
    bool has_checkpoint;     /* at least one checkpoint is good */
    sn_checkpoint_info info; /* the newest good checkpoint */
    char widths[512];        /* the widths of its layers: "784-30-10" */
    int64_t parameters;
} sn_report;

/** Reads a run; verify: also verifies its checkpoints.  A bad checkpoint is part of the
 *  report; bad or missing metrics are an error, and so is a bad checkpoint that choice
 *  names (see sn_target_result).  report->run points to run afterwards.  The caller clears
 *  *report, also on failure.  Errors: SN_ENOINPUT, SN_EDATA, SN_EIO, SN_ERANGE,
 *  SN_ENOMEM. */
sn_status sn_report_load(const char *run, const char *choice, bool verify,
                         sn_report *report, sn_error *err) SN_MUST_CHECK;

/** Returns the number of finished epochs. */
int64_t sn_report_last_epoch(const sn_report *report);

/** Frees the contents of *report. */
void sn_report_clear(sn_report *report);

/** The plots of a run, and those of several runs. */
enum { SN_PLOT_LOSS, SN_PLOT_ERROR, SN_PLOT_RATE, SN_PLOT_PARTS, SN_PLOTS };
enum { SN_CURVES_LOSS, SN_CURVES_VALIDATION, SN_CURVES_TEST, SN_CURVES };

/** The plots: an element <svg> each, or NULL if there are no values to plot. */
typedef struct sn_report_plots {
    char *svg[SN_PLOTS];
    sn_error missing; /* the reason if the plots cannot be drawn, else "" */
} sn_report_plots;

/** Draws the plots with gnuplot.  If gnuplot is missing or fails, the function sets
 *  plots->missing and returns SN_OK.  The caller clears *plots, also on failure.
 *  Errors: SN_ENOMEM. */
sn_status sn_report_draw(const sn_report *report, sn_report_plots *plots,
                         sn_error *err) SN_MUST_CHECK;

/** Frees the contents of *plots. */
void sn_report_plots_clear(sn_report_plots *plots);

/** Writes the page: one HTML file that needs no other file. */
void sn_report_page(FILE *out, const sn_report *report, const sn_report_plots *plots,
                    const sn_report_network *network);

#endif
