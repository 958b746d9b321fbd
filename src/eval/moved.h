/* SPDX-License-Identifier: BSD-3-Clause */
/** Finds the data set of a run that has moved since the run. */
#ifndef SHARDNET_EVAL_MOVED_H
#define SHARDNET_EVAL_MOVED_H

#include "data/dataset.h"
#include "store/checkpoint/checkpoint.h"

/** If the data of spec are missing and SHARDNET_DATA has the training set of the
 *  checkpoint, sets spec->dir to that folder and writes notice; else notice does not
 *  change.  spec is the data set in the configuration of the checkpoint.  Not
 *  collective; reads the whole data set of SHARDNET_DATA.  Errors: SN_ENOINPUT if the
 *  data are missing and SHARDNET_DATA does not replace them. */
sn_status sn_moved_find(const sn_checkpoint_info *info, sn_dataset_spec *spec,
                        sn_error *notice, sn_error *err) SN_MUST_CHECK;

#endif
