/* SPDX-License-Identifier: BSD-3-Clause */
/** Reads the state of a run from its folder, while another job may write there.  Not
 *  collective. */
#ifndef SHARDNET_RUN_SURVEY_H
#define SHARDNET_RUN_SURVEY_H

#include "run/lineage.h"
#include "run/lock.h"

typedef struct sn_survey {
    bool finished;                  /* a resumed run would end at once */
    char holder[SN_HOLDER_BYTES];   /* the process that has locked the folder, or "" */
    char checkpoint[SN_PATH_BYTES]; /* the checkpoint that a resumed run would restore,
                                       "" if it would start at step 0 */
    sn_position position;           /* the position in this checkpoint, or zeros */
    int64_t epochs;                 /* the key train.epochs */
} sn_survey;

/** Surveys a run under the configuration in its config.ini or, if this file is missing,
 *  in its checkpoint.  Changes nothing in the folder.  Warns about damaged checkpoints,
 *  which a resumed run would skip.  Errors: SN_ENOINPUT if run is not the folder of a
 *  run; SN_EDATA if every checkpoint is damaged; SN_ECONFIG, SN_ENOMEM. */
sn_status sn_run_survey(const char *run, sn_warn *warn, void *user, sn_survey *survey,
                        sn_error *err) SN_MUST_CHECK;

#endif
