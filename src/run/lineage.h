/* SPDX-License-Identifier: BSD-3-Clause */
/** The lineage of a run: the checkpoints that belong to its own history.  Rank 0 only;
 *  not collective.  The writer must be idle.
 *
 *  sn_lineage_scan reads the folder into records.  From the records and the restored
 *  position the pure function sn_lineage_plan computes renames and copies.
 *  sn_lineage_apply executes them in this order:
 *
 *  1. Rename checkpoints after the restored step, and another one at that step, to
 *     *.abandoned.
 *  2. If the restored file has another name, copy it to the name of its step.
 *  3. If best.h5 does not hold the weights of the best epoch, rename it to *.abandoned
 *     and copy a checkpoint with those weights to best.h5.
 *  4. The caller writes config.ini and removes later metrics (run/folder.h).
 *
 *  Renames and copies lose no data, but removing metrics does.  It is therefore the
 *  last step: if the process dies earlier, each checkpoint that a later resume may
 *  choose still has its rows.  Step 2 precedes step 3 because best.h5 may be the only
 *  good checkpoint. */
#ifndef SHARDNET_RUN_LINEAGE_H
#define SHARDNET_RUN_LINEAGE_H

#include "run/restore.h"

/** Prints one warning. */
typedef void sn_warn(void *user, const char *format, ...) SN_PRINTF(2, 3);

typedef enum sn_lineage_kind {
    SN_LINEAGE_STEP, /* RUN/checkpoints/step-00012345.h5 */
    SN_LINEAGE_BEST, /* RUN/checkpoints/best.h5 */
    SN_LINEAGE_OTHER /* the file of --resume=PATH, or best.h5 in its folder */
} sn_lineage_kind;

/** Result of reading a whole file, which happens only if the plan depends on it. */
typedef enum sn_lineage_health {
    SN_LINEAGE_UNREAD,
    SN_LINEAGE_GOOD,
    SN_LINEAGE_DAMAGED
} sn_lineage_health;

/** One checkpoint file. */
typedef struct sn_lineage_record {
    sn_lineage_kind kind;
    /* SN_LINEAGE_STEP: step in the file name.  Others: step of the position, -1 if the
     * file cannot be read. */
    int64_t step;
    sn_position position;
    bool same_data; /* the training data are those of the run */
    sn_lineage_health health;
    bool restored; /* the run continues from this checkpoint */
    char path[SN_PATH_BYTES];
} sn_lineage_record;

typedef enum sn_lineage_verb {
    SN_LINEAGE_ABANDON,    /* rename the file to *.abandoned */
    SN_LINEAGE_KEEP,       /* do nothing; the file must be good */
    SN_LINEAGE_SAVE_STEP,  /* copy the file under the name of the restored step */
    SN_LINEAGE_SAVE_BEST,  /* copy the file to best.h5; it must be good */
    SN_LINEAGE_FORGET_BEST /* reset the best epoch, because no file has its weights */
} sn_lineage_verb;

typedef struct sn_lineage_action {
    sn_lineage_verb verb;
    size_t record; /* index; unused by SN_LINEAGE_FORGET_BEST */
} sn_lineage_action;

/** Maximum number of actions minus number of records. */
enum { SN_LINEAGE_EXTRA_ACTIONS = 2 };

/** Plans the actions for a run that continues from position.  records (count) have the
 *  order of sn_lineage_scan.  actions (count + SN_LINEAGE_EXTRA_ACTIONS) is the result;
 *  returns the number of actions, 0 if no record is restored.  keep_best is the key
 *  checkpoint.keep_best.  finished: the run does not search for its best epoch again.
 *  Pure. */
size_t sn_lineage_plan(const sn_lineage_record *records, size_t count,
                       const sn_position *position, bool keep_best, bool finished,
                       sn_lineage_action *actions);

/** The checkpoints of a run.  The caller sets run, state, warn and user; the other
 *  fields are zero.  With state NULL, sn_lineage_restore verifies the checkpoint
 *  instead of reading it into the state, and sn_lineage_apply must not be called. */
typedef struct sn_lineage {
    const char *run;
    const sn_run_state *state;
    sn_warn *warn;
    void *user;
    sn_lineage_record *records; /* newest first; best.h5 follows others of its step */
    size_t count;
    bool own; /* the restored checkpoint is in the folder of the run */
} sn_lineage;

/** Reads the folder into records, which sn_lineage_clear frees.  Errors: SN_EIO,
 *  SN_ENOMEM. */
sn_status sn_lineage_scan(sn_lineage *lineage, sn_error *err) SN_MUST_CHECK;

/** Restores the checkpoint at path or, if path is NULL and resume is true, the newest
 *  good checkpoint: skips damaged ones with a warning, but fails on a checkpoint of
 *  another version of the program.  *restored is its record, or NULL if the run is
 *  fresh.  changes: see sn_restore.  Errors: SN_ECREATE if the run contains checkpoints
 *  that it does not continue; those of sn_restore. */
sn_status sn_lineage_restore(sn_lineage *lineage, bool resume, const char *path,
                             char changes[SN_CHANGES_BYTES],
                             const sn_lineage_record **restored,
                             sn_error *err) SN_MUST_CHECK;

/** Plans and executes the actions for a restored run, before the run writes its first
 *  file.  Warns about renamed files and if the best epoch is lost; state->position then
 *  has no best epoch.  Needs memory for another copy of the state.
 *  Errors: SN_ECREATE, SN_EIO, SN_ENOMEM. */
sn_status sn_lineage_apply(sn_lineage *lineage, sn_error *err) SN_MUST_CHECK;

/** Frees the records. */
void sn_lineage_clear(sn_lineage *lineage);

#endif
