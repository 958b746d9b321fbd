/** The report of a run: what is on record about it, and the page (internal to cli). */
#ifndef SHARDNET_CLI_REPORT_REPORT_H
#define SHARDNET_CLI_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"
#include "store/checkpoint/checkpoint.h"
#include "store/metrics/metrics.h"

/** Mean seconds per epoch; reduce includes wait. */
typedef struct sn_report_times {
    double gather, compute, wait, reduce, update;
} sn_report_times;

/** One rank on one host: means over its epochs on record. */
typedef struct sn_report_rank {
    char host[sizeof((sn_rank_row *)0)->host];
    int64_t rank, epochs;
    sn_report_times times;
} sn_report_rank;

/** One host: means over its ranks. */
typedef struct sn_report_host {
    char host[sizeof((sn_rank_row *)0)->host];
    size_t ranks;
    sn_report_times times;
} sn_report_host;

typedef struct sn_report_checkpoint {
    char name[64]; /* of the file */
    double bytes;
    sn_status status; /* SN_OK where every byte was read and is good */
    char fault[SN_MESSAGE_BYTES];
    int64_t epoch, step; /* of a good one, and when it was made */
    char created_utc[32];
} sn_report_checkpoint;

/** What is on record.  Start with zeroes. */
typedef struct sn_report {
    const char *run;
    char *config_text; /* NULL where there is none, and why: */
    char no_config[SN_MESSAGE_BYTES];
    sn_config
        *config; /* the same, NULL where another version of the program wrote it */

    sn_epoch_row *epochs; /* (epoch_count) */
    size_t epoch_count;
    const sn_epoch_row *result; /* the epoch whose weights count; NULL for none */
    bool by_validation;         /* was it chosen by its validation error? */
    bool finished;
    double seconds; /* of training over all epochs */
    double samples_per_second;

    sn_report_rank *ranks; /* (rank_count), those of the last epoch last */
    size_t rank_count, rank_capacity;
    size_t last_ranks;     /* of the last epoch */
    sn_report_host *hosts; /* (host_count) */
    size_t host_count;

    sn_report_checkpoint *checkpoints; /* (checkpoint_count), newest first, best last */
    size_t checkpoint_count;
    bool described;          /* by the newest good checkpoint: */
    sn_checkpoint_info info; /* what it says */
    char widths[512];        /* "784-30-10" */
    int64_t parameters;
} sn_report;

/** Reads all of it from the run's folder, which report->run points to from then on.
 *  Checkpoints are read whole; bad ones are part of the report, but metrics must be
 *  there and good.  The caller clears *report, on failure too.  SN_ENOINPUT, SN_EDATA,
 *  SN_EIO, SN_ERANGE, SN_ENOMEM. */
sn_status sn_report_load(const char *run, sn_report *report,
                         sn_error *err) SN_MUST_CHECK;
void sn_report_clear(sn_report *report);

/** Plots, each an element <svg> or NULL where there is nothing to plot. */
typedef struct sn_report_plots {
    char *loss, *error, *rate, *parts;
    char missing[SN_MESSAGE_BYTES]; /* why there is none of them, "" where there are */
} sn_report_plots;

/** Draws them by gnuplot.  The caller clears *plots, on failure too.  SN_ENOMEM. */
sn_status sn_report_draw(const sn_report *report, sn_report_plots *plots,
                         sn_error *err) SN_MUST_CHECK;
void sn_report_plots_clear(sn_report_plots *plots);

/** Writes the page: one HTML file that needs no other. */
void sn_report_page(FILE *out, const sn_report *report, const sn_report_plots *plots);

#endif
