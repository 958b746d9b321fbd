/* SPDX-License-Identifier: BSD-3-Clause */
/** Wrappers around HDF5 that the modules of store share.  Nothing here is collective.
 *
 *  A function that returns bool returns false on failure and fills *why. */
#ifndef SHARDNET_STORE_H5_H5_H
#define SHARDNET_STORE_H5_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

/** The reason of a failure.  status: SN_EDATA (the contents of the file are wrong),
 *  SN_EIO (the system cannot read or write) or SN_ENOMEM. */
typedef struct sn_h5_reason {
    char text[160];
    sn_status status;
} sn_h5_reason;

/** Maximum bytes of a text attribute, including its terminating zero.  HDF5 limits an
 *  attribute in an object header to 64 KiB. */
enum { SN_H5_TEXT_BYTES = 60 * 1024 };

/** Turns off error messages printed by HDF5.  Every public function of store calls it
 *  first. */
void sn_h5_silence(void);

/** Sets *why to the formatted text and SN_EDATA.  Returns false. */
bool sn_h5_fail(sn_h5_reason *why, const char *format, ...) SN_PRINTF(2, 3);

/** Sets *why to the text and status of the HDF5 call that just failed.  Returns false.
 */
bool sn_h5_fail_library(sn_h5_reason *why);

/** Like sn_h5_fail_library, but with the given text.  Returns false. */
bool sn_h5_fail_library_as(sn_h5_reason *why, const char *text);

/** Closes the object *id, if it is valid, and sets *id to H5I_INVALID_HID. */
void sn_h5_close(hid_t *id);

/** Returns SN_ENOMEM if memory for a file of about bytes at path is short.  HDF5 cannot
 *  close a file after an allocation failed, so this check must pass before
 *  sn_h5_image_open. */
sn_status sn_h5_image_check_room(const char *path, size_t bytes,
                                 sn_error *err) SN_MUST_CHECK;

/** Returns true if the memory for a file of this size cannot be allocated.  Otherwise
 *  an allocation in HDF5 failed because a damaged file states an absurd size. */
bool sn_h5_memory_is_short(size_t bytes);

/** Loads the file at path into memory, or creates an empty file in memory if path is
 *  NULL.  The caller changes it and saves it with sn_h5_image_save.  HDF5 thus never
 *  writes to a full disk: it cannot close a file that it cannot flush.  bytes is the
 *  approximate final size of the file. */
bool sn_h5_image_open(const char *path, size_t bytes, hid_t *file,
                      sn_h5_reason *why) SN_MUST_CHECK;

/** Writes the file in memory to path and replaces an existing file.  Does not fsync.
 *  Errors: SN_ECREATE, SN_EIO (path is removed), SN_ENOMEM. */
sn_status sn_h5_image_save(hid_t file, const char *path, sn_error *err) SN_MUST_CHECK;

/** Returns SN_OK if path is a readable regular file, else SN_ENOINPUT. */
sn_status sn_h5_check_file(const char *path, sn_error *err) SN_MUST_CHECK;

/** Opens an existing file for reading, without a lock, so that a running job can still
 *  write it. */
bool sn_h5_open(const char *path, hid_t *file, sn_h5_reason *why) SN_MUST_CHECK;

/** Opens the group or dataset (type H5I_GROUP or H5I_DATASET) at path, which has at
 *  most 63 bytes.  Fails if a link on the path is not a hard link, or if a dataset is
 *  virtual or has external storage, because these can point outside the file. */
bool sn_h5_open_object(hid_t file, const char *path, H5I_type_t type, hid_t *object,
                       sn_h5_reason *why) SN_MUST_CHECK;

/** Creates a group that stores all its attributes in its object header. */
bool sn_h5_create_group(hid_t parent, const char *name, hid_t *group,
                        sn_h5_reason *why) SN_MUST_CHECK;

/** Types of a numeric scalar attribute: 64 bits, little-endian. */
typedef enum sn_h5_number { SN_H5_INT64, SN_H5_UINT64, SN_H5_DOUBLE } sn_h5_number;

/** Write a scalar attribute: a number, or fixed-length UTF-8 text. */
bool sn_h5_write_number(hid_t object, const char *name, sn_h5_number kind,
                        const void *value, sn_h5_reason *why) SN_MUST_CHECK;
bool sn_h5_write_text(hid_t object, const char *name, const char *value,
                      sn_h5_reason *why) SN_MUST_CHECK;

/** Read a scalar attribute.  Fail if its type or shape differs or its text is longer
 *  than bytes - 1.  text (bytes) is always zero-terminated. */
bool sn_h5_read_number(hid_t object, const char *name, sn_h5_number kind, void *value,
                       sn_h5_reason *why) SN_MUST_CHECK;
bool sn_h5_read_text(hid_t object, const char *name, char *text, size_t bytes,
                     sn_h5_reason *why) SN_MUST_CHECK;

/** Returns the type of zero-terminated UTF-8 text of a fixed number of bytes, which the
 *  caller closes; a negative value on failure. */
hid_t sn_h5_text_type(size_t bytes);

/** Checks the type and rank (at most 2) of a dataset and reads its extents (rank). */
bool sn_h5_check_shape(hid_t dataset, hid_t type, int rank, hsize_t extents[],
                       sn_h5_reason *why) SN_MUST_CHECK;

/** Checks that the file stores rows first .. end - 1 of a dataset completely: inside
 *  the file's size and with no filter except fletcher32.  After this check the caller
 *  can allocate memory for these rows.  sn_h5_check_shape must have passed.
 *
 *  all: every chunk must exist; if false, a chunk may be missing, but not malformed.
 *  Chunks before row first are not checked and must not be read.
 *
 *  Cost: HDF5 finds a chunk only by a linear search of the index, so n chunks need
 *  n^2/2 steps of about 15 ns. */
bool sn_h5_check_storage(hid_t dataset, hsize_t first, hsize_t end, bool all,
                         sn_h5_reason *why) SN_MUST_CHECK;

#endif
