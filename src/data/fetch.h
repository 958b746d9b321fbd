/* SPDX-License-Identifier: BSD-3-Clause */
/** Download of the four MNIST files from a public mirror, with a check of their
 *  contents.  None of these functions is collective. */
#ifndef SHARDNET_DATA_FETCH_H
#define SHARDNET_DATA_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "shardnet/status.h"

enum { SN_FETCH_MIRRORS = 2 };

/** URLs of folders that contain NAME.gz for each name in sn_dataset_file_names. */
extern const char *const sn_fetch_mirrors[SN_FETCH_MIRRORS];

/** SHA-256 of the uncompressed contents of the four files, in the order of
 *  sn_dataset_file_names. */
extern const char *const sn_fetch_digests[4];

/** Checks whether file 0 .. 3 can be written to dir.  path := dir/NAME, or dir/NAME.gz
 *  if only that exists; *kept := true if its contents have the SHA-256 digest, so that
 *  the file need not be written.
 *  Errors: SN_ECREATE if a file with other contents would be overwritten or hidden;
 *  SN_EIO if the file cannot be read; SN_ERANGE, SN_ENOMEM, SN_EINTERNAL. */
sn_status sn_fetch_find(const char *dir, int file, const char *digest,
                        char path[SN_PATH_BYTES], bool *kept,
                        sn_error *err) SN_MUST_CHECK;

/** Downloads file 0 .. 3 to dir, an existing folder.  path and *kept are those of
 *  sn_fetch_find; if *kept is false, the function downloads NAME.gz from the first
 *  mirror that provides it, uncompresses it, compares its digest and publishes it as
 *  path.  The program curl downloads, so that file:// URLs work too.  Temporary files
 *  are removed.
 *  Errors: SN_ENOINPUT if no mirror answers or curl is missing; SN_EDATA if the
 *  contents are not MNIST; SN_ECREATE as sn_fetch_find, or if dir is not writable;
 *  SN_EIO, SN_ERANGE, SN_ENOMEM, SN_EINTERNAL. */
sn_status sn_fetch_file(const char *dir, int file, const char *const *mirrors,
                        size_t mirror_count, char path[SN_PATH_BYTES], bool *kept,
                        sn_error *err) SN_MUST_CHECK;

#endif
