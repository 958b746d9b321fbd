/* SPDX-License-Identifier: BSD-3-Clause */
/** The four original MNIST files from a public mirror, checked before they are kept. */
#ifndef SHARDNET_DATA_FETCH_H
#define SHARDNET_DATA_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "shardnet/status.h"

enum { SN_FETCH_MIRRORS = 2 };

/** Folders on the web that hold NAME.gz for every sn_dataset_file_names. */
extern const char *const sn_fetch_mirrors[SN_FETCH_MIRRORS];

/** SHA-256 of the four files' uncompressed contents, in the order of
 *  sn_dataset_file_names. */
extern const char *const sn_fetch_digests[4];

/** Looks for one of the four files (0 .. 3) in dir before it is made.  path = what is
 *  there, NAME or, where that is not, NAME.gz, else dir/NAME; *kept means that its
 *  contents have the SHA-256 wanted, so that nothing need be done.  SN_ECREATE, with
 *  path named, where somebody's other file would be overwritten or hidden. */
sn_status sn_fetch_place(const char *dir, int file, const char *wanted,
                         char path[SN_PATH_BYTES], bool *kept,
                         sn_error *err) SN_MUST_CHECK;

/** Makes path, dir/NAME of one file (0 .. 3): downloads NAME.gz from the first of the
 *  mirrors that gives it (with the program curl, so file:// works too), uncompresses
 *  it, compares its digest and publishes it.  *kept means that a file with that digest,
 *  plain or .gz, was there already as path and nothing was done.  dir exists.  No
 *  temporary file is left.  Not collective.
 *  SN_ENOINPUT no mirror answered, or curl is missing; SN_EDATA wrong checksum;
 *  SN_ECREATE another file is there, as of sn_fetch_place, or dir cannot be written;
 *  SN_EIO. */
sn_status sn_fetch_file(const char *dir, int file, const char *const *mirrors,
                        size_t mirror_count, char path[SN_PATH_BYTES], bool *kept,
                        sn_error *err) SN_MUST_CHECK;

#endif
