/* SPDX-License-Identifier: BSD-3-Clause */
/** The lineage of a run: which checkpoints belong to its own history.  Rank 0 only; not
 *  collective; the writer must be idle.
 *
 *  The folder is scanned once into records.  From the records and the restored position
 *  a pure function makes a plan of renames and copies, which is executed in this order:
 *
 *  1. Checkpoints beyond the restored step are set aside.
 *  2. The restored checkpoint is copied under the name of its step, where it has
 *     another.
 *  3. best.h5 is set aside where it is not of the best epoch, and another file of those
 *     weights is copied to its name.
 *  4. The caller writes config.ini and cuts the metrics back (run/folder.h).
 *
 *  A rename or a copy loses nothing, but the cut of the metrics is final.  It comes
 *  last: whenever the process dies, each checkpoint that a later resume may choose
 *  still has its rows.  Step 2 precedes 3 because best.h5 may be the only good
 *  checkpoint. */
#ifndef SHARDNET_RUN_LINEAGE_H
#define SHARDNET_RUN_LINEAGE_H

#include "run/restore.h"

/** Prints one warning. */
typedef void sn_warn(void *user, const char *format, ...) SN_PRINTF(2, 3);

typedef enum sn_lineage_kind {
    SN_LINEAGE_STEP, /* RUN/checkpoints/step-00012345.h5 */
    SN_LINEAGE_BEST, /* RUN/checkpoints/best.h5 */
    SN_LINEAGE_OTHER /* a file that --resume=PATH names, or best.h5 beside it */
} sn_lineage_kind;

/** A whole file is read only when the plan depends on it. */
typedef enum sn_lineage_health {
    SN_LINEAGE_UNREAD,
    SN_LINEAGE_GOOD,
    SN_LINEAGE_DAMAGED
} sn_lineage_health;

/** One checkpoint. */
typedef struct sn_lineage_record {
    sn_lineage_kind kind;
    int64_t step; /* in the name of a step's file; of any other its position's, -1 where
                     that cannot be read */
    sn_position position;
    bool same_data; /* trained on the run's data */
    sn_lineage_health health;
    bool restored; /* the run continues from this one */
    char path[SN_PATH_BYTES];
} sn_lineage_record;

typedef enum sn_lineage_verb {
    SN_LINEAGE_ABANDON,    /* rename the file to *.abandoned */
    SN_LINEAGE_KEEP,       /* do nothing; the file must be good */
    SN_LINEAGE_SAVE_STEP,  /* copy the file under the name of the restored step */
    SN_LINEAGE_SAVE_BEST,  /* copy the file to best.h5; it must be good */
    SN_LINEAGE_FORGET_BEST /* no file has the weights of the best epoch */
} sn_lineage_verb;

typedef struct sn_lineage_action {
    sn_lineage_verb verb;
    size_t record; /* index; unused by SN_LINEAGE_FORGET_BEST */
} sn_lineage_action;

/** A plan has at most so many actions more than there are records. */
enum { SN_LINEAGE_EXTRA_ACTIONS = 2 };

/** Writes the actions (count + SN_LINEAGE_EXTRA_ACTIONS) for a run that continues from
 *  position and returns their number; 0 where no record is restored.  Records are
 *  ordered as sn_lineage_scan orders them.  keep_best is checkpoint.keep_best; a run
 *  that has finished does not search for its best epoch again.  Pure. */
size_t sn_lineage_plan(const sn_lineage_record *records, size_t count,
                       const sn_position *position, bool keep_best, bool finished,
                       sn_lineage_action *actions);

/** The checkpoints of a run.  Start with run, state, warn and user. */
typedef struct sn_lineage {
    const char *run;
    const sn_run_state *state;
    sn_warn *warn;
    void *user;
    sn_lineage_record *records; /* newest first, best.h5 after others of its step */
    size_t count;
} sn_lineage;

/** Makes the records of the folder.  SN_EIO, SN_ENOMEM. */
sn_status sn_lineage_scan(sn_lineage *lineage, sn_error *err) SN_MUST_CHECK;

/** Restores the checkpoint at path, or, where path is NULL and resume is set, the
 *  newest that can be read: a damaged one is passed over with a warning, one of another
 *  version of the program is not.  *restored is its record, NULL where the run starts
 *  fresh. changes as sn_restore writes them.  SN_ECREATE where the run has checkpoints
 *  that it was not asked to continue; otherwise as sn_restore. */
sn_status sn_lineage_restore(sn_lineage *lineage, bool resume, const char *path,
                             char changes[SN_CHANGES_BYTES],
                             const sn_lineage_record **restored,
                             sn_error *err) SN_MUST_CHECK;

/** Executes the plan for a restored run, before the run writes anything.  One warning
 *  names what was set aside; another states that the position forgets its best epoch.
 *  Needs memory for one more copy of parameters and velocities.  SN_ECREATE, SN_EIO,
 *  SN_ENOMEM. */
sn_status sn_lineage_apply(sn_lineage *lineage, sn_error *err) SN_MUST_CHECK;

/** Frees the records. */
void sn_lineage_clear(sn_lineage *lineage);

#endif
