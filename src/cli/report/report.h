/* SPDX-License-Identifier: BSD-3-Clause */
/** The report of a run: its data and the page (internal to cli). */
#ifndef SHARDNET_CLI_REPORT_REPORT_H
#define SHARDNET_CLI_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"
#include "store/checkpoint/checkpoint.h"
#include "store/metrics/metrics.h"

/** Parts of the time of an epoch; reduce includes wait. */
enum {
    SN_PART_GATHER,
    SN_PART_COMPUTE,
    SN_PART_REDUCE,
    SN_PART_WAIT,
    SN_PART_UPDATE,
    SN_PARTS
};

/** The mean times of one rank on one host over its epochs, or of one host over its
 *  ranks. */
typedef struct sn_report_row {
    char host[sizeof((sn_rank_row *)0)->host];
    int64_t rank;
    int64_t count;            /* number of epochs, or of ranks */
    double seconds[SN_PARTS]; /* per epoch */
} sn_report_row;

typedef struct sn_report_rows {
    sn_report_row *row; /* (count) */
    size_t count, capacity;
} sn_report_rows;

typedef struct sn_report_checkpoint {
    char name[64]; /* the file name */
    double bytes;
    sn_status status; /* SN_OK where every byte was read and is good */
    sn_error fault;
    int64_t epoch, step; /* zeroes where it is bad */
    char created_utc[sizeof((sn_checkpoint_info *)0)->created_utc];
} sn_report_checkpoint;

/** Everything that the page shows. */
typedef struct sn_report {
    const char *run;
    char *config_text;  /* NULL where there is none */
    sn_error no_config; /* why config.ini could not be read, or "" */
    sn_config
        *config; /* the same, NULL where another version of the program wrote it */

    sn_epoch_row *epochs; /* (epoch_count) */
    size_t epoch_count;
    const sn_epoch_row *result; /* the epoch whose weights count; NULL for none */
    bool by_validation;         /* true where it has the least validation error */
    bool finished;
    double seconds; /* training time over all epochs */
    double samples_per_second;

    sn_report_rows ranks, hosts;
    size_t last_ranks; /* number of ranks in the last epoch */

    sn_report_checkpoint *checkpoints; /* (checkpoint_count), newest first, best last */
    size_t checkpoint_count;
    bool described;          /* false where there is no good checkpoint */
    sn_checkpoint_info info; /* the newest good one */
    char widths[512];        /* its layers: "784-30-10" */
    int64_t parameters;
} sn_report;

/** Reads all of it from the run's folder, which report->run points to from then on.
 *  Checkpoints are read whole; bad ones are part of the report, but metrics must be
 *  there and good.  The caller clears *report, on failure too.  SN_ENOINPUT, SN_EDATA,
 *  SN_EIO, SN_ERANGE, SN_ENOMEM. */
sn_status sn_report_load(const char *run, sn_report *report,
                         sn_error *err) SN_MUST_CHECK;
void sn_report_clear(sn_report *report);

enum { SN_PLOT_LOSS, SN_PLOT_ERROR, SN_PLOT_RATE, SN_PLOT_PARTS, SN_PLOTS };

/** Plots, each an element <svg> or NULL where there is nothing to plot. */
typedef struct sn_report_plots {
    char *svg[SN_PLOTS];
    sn_error missing; /* why there is none of them, "" where there are */
} sn_report_plots;

/** Draws them by gnuplot; where it cannot, plots->missing is set, and that is no
 *  failure.  The caller clears *plots, on failure too.  SN_ENOMEM. */
sn_status sn_report_draw(const sn_report *report, sn_report_plots *plots,
                         sn_error *err) SN_MUST_CHECK;
void sn_report_plots_clear(sn_report_plots *plots);

/** Writes the page: one HTML file that needs no other. */
void sn_report_page(FILE *out, const sn_report *report, const sn_report_plots *plots);

#endif
