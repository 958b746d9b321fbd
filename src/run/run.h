/* SPDX-License-Identifier: BSD-3-Clause */
/** The folder of a run while it trains: its lock, the thread that writes, and the rows
 *  that wait for metrics.h5.
 *
 *  Rank 0 holds all of it; on the other ranks the functions that are not collective do
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
    size_t arena_bytes; /* of parameters, or of velocities */
    sn_warn *warn;
    void *warn_user;
    /* rank 0 */
    int lock; /* of the folder, -1 for none */
    sn_writer *writer;
    sn_lineage lineage;
    sn_rows rows;                   /* since the newest write */
    sn_writer_totals totals;        /* at the last wait for the writer */
    char checkpoint[SN_PATH_BYTES]; /* the newest written or restored */
    int64_t saved_step;             /* its step, -1 for none */
} sn_run;

/** Makes the folder, locks it and starts the writer for a network.  Rank 0 waits for
 *  another job's lock as run/lock.h says.  Collective; sn_run_close is right after a
 *  failure too.  SN_ECREATE, SN_ENOMEM, SN_EINTERNAL, SN_EMPI. */
sn_status sn_run_open(sn_run *run, sn_comm *comm, const char *folder,
                      const sn_network *network, sn_warn *warn, void *warn_user,
                      sn_error *err) SN_MUST_CHECK;

/** Restores the state from the checkpoint at path, or, where path is NULL and resume is
 *  set, from the newest good one.  The state and the changed keys ("" for none) are
 *  rank 0's, *resumed is the same on all ranks.  Collective.  As sn_lineage_restore;
 *  SN_EMPI. */
sn_status sn_run_restore(sn_run *run, const sn_run_state *state, bool resume,
                         const char *path, char changes[SN_CHANGES_BYTES],
                         bool *resumed, sn_error *err) SN_MUST_CHECK;

/** Makes the folder the run's that continues from the state that sn_run_restore was
 *  given: lineage, config.ini, metrics cut back to its step.  fresh: another
 *  config.ini, and metrics with rows, are kept beside the new ones.  Rank 0's position
 *  may lose its best epoch.  Collective.  SN_ECREATE, SN_EIO, SN_ENOMEM, SN_EMPI. */
sn_status sn_run_commit(sn_run *run, bool fresh, sn_error *err) SN_MUST_CHECK;

/** Reads the parameters of best.h5 on rank 0 and broadcasts them; *restored is false,
 *  with a warning, where best.h5 does not hold the best epoch.  Collective.  SN_EMPI.
 */
sn_status sn_run_restore_best(sn_run *run, const sn_run_state *state, bool *restored,
                              sn_error *err) SN_MUST_CHECK;

/** Waits for the last write, ends the writer, frees the lock.  Not collective. */
void sn_run_close(sn_run *run);

/** Makes room for the rows of an epoch, so that a step never allocates: steps rows of
 *  /steps, ranks rows of /ranks.  Collective.  SN_ENOMEM. */
sn_status sn_run_reserve(sn_run *run, size_t steps, size_t ranks,
                         sn_error *err) SN_MUST_CHECK;

/** Adds a row on rank 0, where sn_run_reserve has made room.  Not collective. */
void sn_run_add_step(sn_run *run, const sn_step_row *row);
void sn_run_add_epoch(sn_run *run, const sn_epoch_row *row);

/** Adds the rows of all ranks, each of which gives its own, and computes who waited.
 *  *all (ranks) is what was added on rank 0, NULL elsewhere; it lasts until the next
 *  write.  Collective.  SN_EMPI. */
sn_status sn_run_add_ranks(sn_run *run, const sn_rank_row *mine,
                           const sn_rank_row **all, sn_error *err) SN_MUST_CHECK;

/** Hands the rows and the state to the writer: as the checkpoint of its step
 *  (checkpoint), as best.h5 (best), or both.  Waits for the write before, and for its
 *  own when it is the last one (final).  A failed write is a warning, printed at the
 *  next call, and SN_OK unless final and the checkpoint's or the metrics': then
 *  SN_EIO.  Collective.  SN_EIO, SN_EMPI. */
sn_status sn_run_checkpoint(sn_run *run, const sn_run_state *state, bool checkpoint,
                            bool best, bool final, sn_error *err) SN_MUST_CHECK;

/** Before all ranks leave for an error that err describes, not MPI's: waits for the
 *  last write, warns where it failed, saves the rows so far, and adds to err what the
 *  run can be continued from.  Not collective. */
void sn_run_leave(sn_run *run, const sn_run_state *state, sn_error *err);

/** Prints how many checkpoints were written, how long training waited for them, and
 *  where the files are.  out may be NULL.  Not collective. */
void sn_run_print(const sn_run *run, FILE *out);

#endif
