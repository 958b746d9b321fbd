/* SPDX-License-Identifier: BSD-3-Clause */
/** Metrics: the file RUN/metrics.h5 with the tables /epochs, /steps and /ranks, which
 *  are 1-D datasets of compound type.  Attributes name the units.  The file changes
 *  only by being replaced with a changed copy.  Nothing here is collective. */
#ifndef SHARDNET_STORE_METRICS_METRICS_H
#define SHARDNET_STORE_METRICS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shardnet/status.h"

/** The tables, each with its row type, and their number. */
typedef enum sn_metrics_kind {
    SN_TABLE_EPOCHS, /* sn_epoch_row */
    SN_TABLE_STEPS,  /* sn_step_row */
    SN_TABLE_RANKS,  /* sn_rank_row */
    SN_TABLES
} sn_metrics_kind;

/** Names of the tables, indexed by sn_metrics_kind and followed by NULL. */
extern const char *const sn_metrics_names[SN_TABLES + 1];

/** One finished epoch.  Errors are fractions.  A value that was not measured is NAN. */
typedef struct sn_epoch_row {
    int64_t epoch; /* finished epochs, from 1 */
    int64_t step;  /* finished updates */
    double learning_rate;
    double train_loss; /* mean cross-entropy of the epoch, plus penalty */
    double penalty;    /* L1 and L2 terms at the end of the epoch */
    double train_error;
    double validation_loss;
    double validation_error;
    double test_loss;
    double test_error;
    double seconds; /* training time, without evaluation */
    double samples_per_second;
} sn_epoch_row;

/** One update. */
typedef struct sn_step_row {
    int64_t step;  /* finished updates, from 1 */
    int64_t epoch; /* finished epochs before this update */
    double learning_rate;
    double loss;  /* mean cross-entropy of the global batch */
    double error; /* fraction of the global batch */
    double seconds;
} sn_step_row;

/** One rank in one epoch. */
typedef struct sn_rank_row {
    int64_t epoch;
    int64_t step;
    int64_t rank;
    double gather_seconds;
    double compute_seconds;
    /* Lower bound of the time that this rank waited for the slowest rank: gather +
     * compute of the slowest rank minus those of this rank. */
    double wait_seconds;
    double reduce_seconds; /* includes wait_seconds */
    double update_seconds;
    char host[64];
} sn_rank_row;

/** Rows of all tables, see rows.h. */
typedef struct sn_rows sn_rows;

/** Appends rows to the metrics file at path; creates it, with all tables, if it is
 *  missing.  Loads the whole file into memory, changes it there, writes it to path.tmp,
 *  fsyncs and renames it.  A kill therefore leaves the old or the new file complete,
 *  and open readers keep the old one.  Rank 0 only.  Errors: SN_ECREATE, SN_EIO,
 *  SN_ENOMEM. */
sn_status sn_metrics_append(const char *path, const sn_rows *rows,
                            sn_error *err) SN_MUST_CHECK;

/** Appends those rows of a checkpoint (sn_checkpoint_pending) whose step is larger than
 *  the last step of their table in the file.  Rank 0 only.  Errors: those of
 *  sn_metrics_append. */
sn_status sn_metrics_restore(const char *path, const sn_rows *rows,
                             sn_error *err) SN_MUST_CHECK;

/** Removes the rows after step from every table; replaces the file as sn_metrics_append
 *  does.  Creates an empty file if there is none.  If HDF5 rejects the contents, moves
 *  the file to path.damaged (see sn_file_move_away), creates an empty one and sets
 *  *warning, which is otherwise unchanged.  Rank 0 only.  Errors: SN_ECREATE; SN_EIO
 *  and SN_ENOMEM, also if the file cannot be read: that is not damage. */
sn_status sn_metrics_cut(const char *path, int64_t step, sn_error *warning,
                         sn_error *err) SN_MUST_CHECK;

/** Reads /epochs into *rows (*count), which the caller frees.  Errors: SN_ENOINPUT,
 *  SN_EDATA, SN_ENOMEM. */
sn_status sn_metrics_read_epochs(const char *path, sn_epoch_row **rows, size_t *count,
                                 sn_error *err) SN_MUST_CHECK;

/** Reads every table and counts its rows.  Errors: SN_ENOINPUT; SN_EDATA, and err names
 *  the table. */
sn_status sn_metrics_verify(const char *path, size_t counts[SN_TABLES],
                            sn_error *err) SN_MUST_CHECK;

/** Callback that receives rows (count) of one table.  Returns false to stop. */
typedef bool sn_metrics_receive(void *user, const void *rows, size_t count);

/** Passes all rows of a table to receive in their order, block by block.  The first
 *  call has count 0 and follows the check of the table.  Errors: SN_ENOINPUT,
 *  SN_EDATA. */
sn_status sn_metrics_each(const char *path, sn_metrics_kind kind,
                          sn_metrics_receive *receive, void *user,
                          sn_error *err) SN_MUST_CHECK;

/** Print the column names of a table, or rows (count), as comma-separated values.
 *  Numbers have enough digits to be read back exactly; NAN is an empty field. */
void sn_metrics_print_names(FILE *out, sn_metrics_kind kind);
void sn_metrics_print_rows(FILE *out, sn_metrics_kind kind, const void *rows,
                           size_t count);

/** Follows one table of a metrics file while a running job changes it. */
typedef struct sn_metrics_follower sn_metrics_follower;

/** The result of a poll. */
typedef struct sn_metrics_update {
    bool cut;           /* rows already delivered were removed; no row was delivered */
    int64_t cut_step;   /* rows after this step will be delivered again */
    bool complete;      /* every row of the file has been delivered */
    int64_t epoch;      /* last epoch in the file, 0 for none */
    int64_t best_epoch; /* first epoch with the least validation error, 0 for none */
} sn_metrics_update;

/** Creates a follower, which the caller destroys.  The file need not exist yet.
 *  Errors: SN_ERANGE, SN_ENOMEM. */
sn_status sn_metrics_follower_create(const char *path, sn_metrics_kind kind,
                                     sn_metrics_follower **follower,
                                     sn_error *err) SN_MUST_CHECK;
void sn_metrics_follower_destroy(sn_metrics_follower **follower);

/** Reads the file and passes the rows that are new since the last poll to receive.
 *  Takes no lock, so that the job can write meanwhile.  Reports every removal of rows
 *  already delivered; follow.c states which recomputed rows it can miss.
 *
 *  A file that has been unreadable for less than three seconds is not an error:
 *  update->complete is then false, and epoch and best_epoch may be 0.  Errors:
 *  SN_ENOINPUT if there is no file yet; SN_EDATA, immediately if the file is of another
 *  kind; SN_ENOMEM. */
sn_status sn_metrics_poll(sn_metrics_follower *follower, sn_metrics_receive *receive,
                          void *user, sn_metrics_update *update,
                          sn_error *err) SN_MUST_CHECK;

#endif
