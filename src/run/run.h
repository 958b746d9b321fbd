/* SPDX-License-Identifier: BSD-3-Clause */
/** The folder of a run during training: its lock, its writer thread and the rows that
 *  are not yet written.
 *
 *  Only rank 0 accesses files.  On other ranks functions that are not collective do
 *  nothing. */
#ifndef SHARDNET_RUN_RUN_H
#define SHARDNET_RUN_RUN_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"
#include "dist/comm/comm.h"
#include "run/lineage.h"
#include "run/writer.h"

typedef struct sn_run {
    sn_comm *comm;
    const char *folder;
    size_t state_bytes; /* bytes of the state of training */
    sn_warn *warn;
    void *warn_user;
    /* rank 0 only */
    sn_run_lock *lock;
    sn_writer *writer;
    sn_lineage lineage;
    sn_rows rows;                   /* rows since the last write */
    sn_writer_totals totals;        /* totals at the last wait for the writer */
    char checkpoint[SN_PATH_BYTES]; /* newest checkpoint written or restored */
    int64_t saved_step;             /* its step, -1 for none */
} sn_run;

/** Creates and locks the folder and starts the writer.  Rank 0 waits for the lock of
 *  another job, see run/lock.h.  The caller calls sn_run_close, also after a failure;
 *  folder must stay valid until then.  Collective.  Errors: SN_ECREATE, SN_EBUSY,
 *  SN_ESTOPPED, SN_ENOMEM, SN_EINTERNAL, SN_EMPI. */
sn_status sn_run_open(sn_run *run, sn_comm *comm, const char *folder,
                      const sn_network *network, const sn_optimizer *optimizer,
                      sn_warn *warn, void *warn_user, sn_error *err) SN_MUST_CHECK;

/** Restores the state from the checkpoint at path or, if path is NULL and resume is
 *  true, from the newest good one.  Sets state and changes (see sn_restore) on rank 0
 *  only and *resumed on all ranks.  state must stay valid until sn_run_commit.
 *  Collective.  Errors: those of sn_lineage_restore, SN_EMPI. */
sn_status sn_run_restore(sn_run *run, const sn_run_state *state, bool resume,
                         const char *path, char changes[SN_CHANGES_BYTES],
                         bool *resumed, sn_error *err) SN_MUST_CHECK;

/** Prepares the folder for a run that continues from the state of sn_run_restore:
 *  applies the lineage plan, writes config.ini and removes later metrics.  Unless the
 *  run continues its own checkpoint, first renames files of an earlier run (see
 *  sn_folder_set_aside).  The position on rank 0 may
 *  lose its best epoch (see sn_lineage_apply).  Collective.  Errors: SN_ECREATE,
 *  SN_EIO, SN_ENOMEM, SN_EMPI. */
sn_status sn_run_commit(sn_run *run, sn_error *err) SN_MUST_CHECK;

/** Records the activity for the watchdog: rank 0 reads or writes the given number of
 *  copies of the state, and the other ranks wait for it.  Not
 *  collective, but every rank calls it. */
void sn_run_mark(const sn_run *run, size_t copies);

/** Waits for the last write, stops the writer and releases the lock.  Not collective.
 */
void sn_run_close(sn_run *run);

/** Reserves memory for the rows of an epoch (steps rows of /steps, ranks rows of
 *  /ranks), so that a step never allocates.  Collective.  Errors: SN_ENOMEM, SN_EMPI.
 */
sn_status sn_run_reserve(sn_run *run, size_t steps, size_t ranks,
                         sn_error *err) SN_MUST_CHECK;

/** Add a row on rank 0; sn_run_reserve must have reserved its memory.  Not collective.
 */
void sn_run_add_step(sn_run *run, const sn_step_row *row);
void sn_run_add_epoch(sn_run *run, const sn_epoch_row *row);

/** Gathers the row of each rank on rank 0, computes wait_seconds and adds the rows.
 *  *all (size) points to them on rank 0 until the next write and is NULL on other
 *  ranks.  Collective.  Errors: SN_EMPI. */
sn_status sn_run_add_ranks(sn_run *run, const sn_rank_row *mine,
                           const sn_rank_row **all, sn_error *err) SN_MUST_CHECK;

/** Passes the rows and the state to the writer.  If checkpoint is true,
 *  the writer writes the checkpoint of the step.  If best is true, it writes the state to
 *  best.h5; otherwise it writes the copy of sn_run_hold_best, if there is one.  The
 *  function first waits for the previous write; if final, also waits for this one.
 *
 *  A failed write is a warning at the next call, not an error.  Only if final, a
 *  failure to write the checkpoint or the metrics, or best.h5 of a finished run,
 *  returns SN_EIO.  If another job has taken the folder over, nothing is written, now
 *  and later.  Collective.  Errors: SN_ETAKEN, SN_EIO, SN_EMPI; SN_EDIVERGED, SN_ERANGE
 *  and SN_EINTERNAL of sn_checkpoint_write. */
sn_status sn_run_write(sn_run *run, const sn_run_state *state, bool checkpoint,
                       bool best, bool final, sn_error *err) SN_MUST_CHECK;

/** Copies the state; the next write of files writes it as best.h5.  If there is no
 *  memory for the copy, writes best.h5 now.  Collective.  Errors: those of
 *  sn_run_write. */
sn_status sn_run_hold_best(sn_run *run, const sn_run_state *state,
                           sn_error *err) SN_MUST_CHECK;

/** Called before all ranks exit because of an error, except of MPI.  Waits for the last
 *  write, writes the remaining rows, warns about failures and appends to err the
 *  checkpoint that the run can continue from.  Not collective. */
void sn_run_leave(sn_run *run, const sn_run_state *state, sn_error *err);

/** Prints the number of checkpoints written, the time that training waited for them and
 *  the names of the files.  out may be NULL.  Not collective. */
void sn_run_print(const sn_run *run, FILE *out);

#endif
