/** The four original MNIST files from a public mirror, checked before they are kept. */
#ifndef SHARDNET_FETCH_H
#define SHARDNET_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "shardnet/status.h"

enum { SN_FETCH_MIRRORS = 2 };

/** Folders on the web that hold NAME.gz for every sn_dataset_file_names. */
extern const char *const sn_fetch_mirrors[SN_FETCH_MIRRORS];

/** SHA-256 of the four files' uncompressed contents, in the order of
 *  sn_dataset_file_names. */
extern const char *const sn_fetch_digests[4];

/** Makes dir/NAME of one file (0 .. 3): downloads NAME.gz from the first of the mirrors
 *  that gives it (with the program curl, so file:// works too), uncompresses it,
 *  compares its digest and publishes it.  *kept tells that a file with that digest was
 *  there already and nothing was done.  dir exists.  No temporary file is left.  Not
 *  collective.
 *  SN_ENOINPUT no mirror answered, or curl is missing; SN_EDATA wrong checksum;
 *  SN_ECREATE, SN_EIO dir cannot be written. */
sn_status sn_fetch_file(const char *dir, int file, const char *const *mirrors,
                        size_t mirror_count, bool *kept, sn_error *err) SN_MUST_CHECK;

#endif
