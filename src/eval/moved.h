/* SPDX-License-Identifier: BSD-3-Clause */
/** Data that lie no longer where a run has read them. */
#ifndef SHARDNET_EVAL_MOVED_H
#define SHARDNET_EVAL_MOVED_H

#include "data/dataset.h"
#include "store/checkpoint/checkpoint.h"

/** If the data of spec are missing, takes them from the folder in SHARDNET_DATA, if its
 *  training set is that of the checkpoint; sets spec->dir and notice then.  spec is the
 *  data set that the configuration of the checkpoint names; notice is not changed
 *  otherwise.  Not collective; reads the whole data set of SHARDNET_DATA.  Errors:
 *  SN_ENOINPUT if the data are missing and SHARDNET_DATA does not replace them. */
sn_status sn_moved_find(const sn_checkpoint_info *info, sn_dataset_spec *spec,
                        sn_error *notice, sn_error *err) SN_MUST_CHECK;

#endif
