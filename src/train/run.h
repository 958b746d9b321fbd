/** The folder of a run: start or resume, checkpoints, metrics (internal to train). */
#ifndef SHARDNET_TRAIN_RUN_H
#define SHARDNET_TRAIN_RUN_H

#include "train/state.h"

/** Makes the folder, restores a checkpoint or draws the initial weights, writes
 *  config.ini, cuts the metrics back.  Rank 0 decides and reads, all ranks receive.
 *  Collective.  SN_ECREATE when the run already holds a checkpoint and resuming was not
 *  asked for, or another job trains there; SN_ECONFIG when the checkpoint belongs to
 * other data, another model, seed or batch; SN_EDATA when every checkpoint is damaged.
 */
sn_status sn_run_open(sn_state *state, sn_error *err) SN_MUST_CHECK;

/** Hands the metrics so far to the writer thread, and the present state: as the
 *  checkpoint of its step (rotated), as best.h5 (best), or both.  Waits for the write
 * before, and for its own when it is the last chance (final).  A failure to write is a
 * warning, told at the next call, and SN_OK unless final and the rotated checkpoint's
 * or the metrics': then SN_EIO.  Nothing is written, and it is SN_EINTERNAL, when the
 * ranks' copies of the state differ. Collective. */
sn_status sn_run_checkpoint(sn_state *state, bool rotated, bool best, bool final,
                            sn_error *err) SN_MUST_CHECK;

/** Before all ranks leave for an error that err tells, not MPI's: waits for the last
 *  write and tells what it left, saves the metrics so far, and adds to err what there
 * is to continue from.  Rank 0; the others, and a run that has not begun, do nothing.
 * Not collective. */
void sn_run_leave(sn_state *state, sn_error *err);

/** Sets anew, on rank 0, when training must stop for the end of its job, by the longest
 *  evaluation and write so far. */
void sn_run_set_stop(sn_state *state);

/** Replaces the parameters by those of best.h5 when it holds the best epoch; *restored
 *  says so.  Collective. */
sn_status sn_run_restore_best(sn_state *state, bool *restored,
                              sn_error *err) SN_MUST_CHECK;

#endif
