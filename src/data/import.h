/* SPDX-License-Identifier: BSD-3-Clause */
/** Import of data sets in other forms as the four IDX files that training reads.  None
 *  of these functions is collective. */
#ifndef SHARDNET_DATA_IMPORT_H
#define SHARDNET_DATA_IMPORT_H

#include <stdbool.h>

#include "shardnet/status.h"

typedef struct sn_import_options {
    bool transpose;       /* swap rows and columns of each image */
    bool force;           /* replace an existing data set */
    double test_fraction; /* share of the training set that becomes the test set if
                             the source has none; 0: the source must have one */
} sn_import_options;

/** Reads the data set at source and writes the four files to dir.  It reads and checks
 *  everything before it creates a file, writes to temporary names and renames all four
 *  at the end, in an order that leaves no complete mixture of two data sets: if the
 *  process ends in between, sn_dataset_is_unfinished is true for one of them.  The test
 *  samples that test_fraction takes are spread evenly over each class.  *classes := a
 *  line for each class that has a name; the caller frees it, also on failure.
 *  Errors: SN_ENOINPUT if the source is missing, has no known form, or needs an
 *  optional library that this build lacks; SN_EDATA; SN_EUSAGE if an option does not fit
 *  the source; SN_ECREATE if dir has a data set; SN_EIO, SN_ENOMEM, SN_ERANGE. */
sn_status sn_import(const char *source, const char *dir,
                    const sn_import_options *options, char **classes,
                    sn_error *err) SN_MUST_CHECK;

/** Returns SN_ENOINPUT with an explanation for a file, or for a folder without the four
 *  files.  If the data set has a form that sn_import reads, err names the form and the
 *  command; otherwise err lists some of the files. */
sn_status sn_import_explain(const char *dir, sn_error *err) SN_MUST_CHECK;

#endif
