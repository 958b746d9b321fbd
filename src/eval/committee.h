/* SPDX-License-Identifier: BSD-3-Clause */
/** Committees: models whose probabilities are averaged (Hansen, Salamon 1990; on MNIST
 *  Meier et al. 2011).  A committee is a list of sn_model; a single model is a
 *  committee of one. */
#ifndef SHARDNET_EVAL_COMMITTEE_H
#define SHARDNET_EVAL_COMMITTEE_H

#include "eval/model.h"

/** Loads a model as sn_model_load_choice does and appends it to *committee, which is
 *  NULL at first.  The caller destroys *committee, also after a failure.  Collective
 *  over comm unless it is NULL.  Errors: SN_EDATA if the first member has other inputs or
 *  classes; SN_EUSAGE if choice is the path of one checkpoint and the committee has
 *  several members; those of sn_model_load_choice. */
sn_status sn_committee_add(sn_comm *comm, const char *path, const char *choice,
                           sn_model **committee, sn_error *err) SN_MUST_CHECK;

/** Checks that the split is the same data for all members: they have the same training
 *  set, or, for the test set, the same folder.  data_dir, if not NULL, is the folder of
 *  all.  Collective.  Errors: SN_EDATA, SN_EMPI. */
sn_status sn_committee_check_data(sn_comm *comm, const sn_model *committee,
                                  const char *data_dir, sn_split_name split,
                                  sn_error *err) SN_MUST_CHECK;

#endif
