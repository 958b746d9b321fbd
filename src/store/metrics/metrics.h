/* SPDX-License-Identifier: BSD-3-Clause */
/** Metrics: RUN/metrics.h5 with the 1-D compound datasets /epochs, /steps and /ranks,
 *  appended and never rewritten; units in attributes. */
#ifndef SHARDNET_STORE_METRICS_METRICS_H
#define SHARDNET_STORE_METRICS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shardnet/status.h"

/** The tables, and how many. */
typedef enum sn_metrics_kind {
    SN_TABLE_EPOCHS, /* of sn_epoch_row */
    SN_TABLE_STEPS,  /* of sn_step_row */
    SN_TABLE_RANKS,  /* of sn_rank_row */
    SN_TABLES
} sn_metrics_kind;

/** One finished epoch.  An error is a fraction; NAN where it was not measured. */
typedef struct sn_epoch_row {
    int64_t epoch; /* finished epochs, from 1 */
    int64_t step;  /* finished updates */
    double learning_rate;
    double train_loss; /* mean cross-entropy over the epoch, plus penalty */
    double penalty;    /* L1 and L2 terms at the end of the epoch */
    double train_error;
    double validation_loss;
    double validation_error;
    double test_loss;
    double test_error;
    double seconds; /* of training, without evaluation */
    double samples_per_second;
} sn_epoch_row;

/** One update. */
typedef struct sn_step_row {
    int64_t step;  /* finished updates, from 1 */
    int64_t epoch; /* finished epochs before it */
    double learning_rate;
    double loss; /* mean cross-entropy over the global batch */
    double error;
    double seconds;
} sn_step_row;

/** One rank in one epoch. */
typedef struct sn_rank_row {
    int64_t epoch;
    int64_t step;
    int64_t rank;
    double gather_seconds;
    double compute_seconds;
    double wait_seconds; /* for the slowest rank: its gather and compute over the epoch
                            less this rank's, which is the least that was waited */
    double reduce_seconds; /* wait included: the two cannot be told apart exactly */
    double update_seconds;
    char host[64];
} sn_rank_row;

/** Rows of all tables: see rows.h. */
typedef struct sn_rows sn_rows;

/** Appends the rows to path, or creates it: the datasets exist after the first call.
 *  The file is changed in memory, which takes its whole size for a moment, saved as
 *  path.tmp, flushed to the device and put in the place of the old file, so that a kill
 *  leaves one or the other, whole, and readers are not disturbed.  Rank 0 only.
 *  SN_ECREATE, SN_EIO, SN_ENOMEM. */
sn_status sn_metrics_append(const char *path, const sn_rows *rows,
                            sn_error *err) SN_MUST_CHECK;

/** Cuts every dataset back to rows whose step is at most step, as sn_metrics_append
 *  changes the file; a missing one is created empty.  One whose contents HDF5 rejects
 *  is set aside as path.damaged, path.damaged.2 and so on, and an empty one takes its
 *  place; *warning changes only then, and names both.  Rank 0 only.  SN_ECREATE, SN_EIO
 *  or SN_ENOMEM where it cannot be read, which is no damage, or not be written. */
sn_status sn_metrics_cut(const char *path, int64_t step, sn_error *warning,
                         sn_error *err) SN_MUST_CHECK;

/** Reads /epochs into *rows (owned by the caller, free()).  SN_ENOINPUT, SN_EDATA,
 *  SN_ENOMEM. */
sn_status sn_metrics_read_epochs(const char *path, sn_epoch_row **rows, size_t *count,
                                 sn_error *err) SN_MUST_CHECK;

/** Reads and counts every row of every table.  SN_ENOINPUT, SN_EDATA with the table
 *  named, SN_ENOMEM. */
sn_status sn_metrics_verify(const char *path, size_t counts[SN_TABLES],
                            sn_error *err) SN_MUST_CHECK;

/** "epochs", "steps", "ranks". */
const char *sn_metrics_name(sn_metrics_kind kind);

/** Takes count rows of one table; false when no more are wanted. */
typedef bool sn_metrics_receive(void *user, const void *rows, size_t count);

/** Hands over all rows of a table in their order, piece by piece; first, once the table
 *  has been checked, no rows.  SN_ENOINPUT, SN_EDATA. */
sn_status sn_metrics_each(const char *path, sn_metrics_kind kind,
                          sn_metrics_receive *receive, void *user,
                          sn_error *err) SN_MUST_CHECK;

/** Print the names of a table's columns, or rows of it, as comma-separated values:
 *  numbers with enough digits to read back exactly, NAN as an empty field. */
void sn_metrics_print_names(FILE *out, sn_metrics_kind kind);
void sn_metrics_print_rows(FILE *out, sn_metrics_kind kind, const void *rows,
                           size_t count);

/** Reads one table of a file that a running job extends, cuts back or replaces. */
typedef struct sn_metrics_follower sn_metrics_follower;

/** The state of the file at a look. */
typedef struct sn_metrics_update {
    bool cut; /* rows that were handed over are gone; this look handed over none */
    int64_t cut_step;   /* the rows after this step are handed over again, 0 for all */
    bool complete;      /* every row of the file has been handed over */
    int64_t epoch;      /* of the last epoch in the file, 0 for none */
    int64_t best_epoch; /* the first with the least validation error, 0 for none */
} sn_metrics_update;

/** *follower is the caller's, to be destroyed.  The file need not exist.  SN_ERANGE,
 *  SN_ENOMEM. */
sn_status sn_metrics_follower_create(const char *path, sn_metrics_kind kind,
                                     sn_metrics_follower **follower,
                                     sn_error *err) SN_MUST_CHECK;
void sn_metrics_follower_destroy(sn_metrics_follower **follower);

/** Looks at the file and hands over the rows that are new since the last look; call it
 *  again and again, with pauses.  Takes no lock, so that nobody is kept from writing.
 *  Notices every cut of rows that were handed over; follow.c states which of the rows
 *  that a resumed run makes again it can miss.  A file that cannot be read, but for
 *  less than three seconds in one state, is no failure: update are not complete then, and
 *  epoch and best_epoch may be 0.  SN_ENOINPUT where there is no file, which may come;
 *  SN_EDATA, at once for what cannot become a file of metrics; SN_ENOMEM. */
sn_status sn_metrics_poll(sn_metrics_follower *follower, sn_metrics_receive *receive,
                          void *user, sn_metrics_update *update,
                          sn_error *err) SN_MUST_CHECK;

#endif
