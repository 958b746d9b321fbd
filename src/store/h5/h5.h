/* SPDX-License-Identifier: BSD-3-Clause */
/** Small wrappers around HDF5 that the files of store share. */
#ifndef SHARDNET_STORE_H5_H5_H
#define SHARDNET_STORE_H5_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

/** Why a step failed, in a few words, and of which kind that is: SN_EDATA, the file's
 *  contents; SN_EIO, the system could not read or write; SN_ENOMEM. */
typedef struct sn_h5_reason {
    char text[160];
    sn_status status;
} sn_h5_reason;

/** Longest text attribute, with its terminating zero: HDF5 limits what fits an object
 *  header to 64 KiB. */
enum { SN_H5_TEXT_BYTES = 60 * 1024 };

/** Silences the library's own printing.  First thing in every public function. */
void sn_h5_silence(void);

/** Writes the text into why, as SN_EDATA; returns false, so that a check can end in it.
 */
bool sn_h5_fail(sn_h5_reason *why, const char *format, ...) SN_PRINTF(2, 3);

/** The same with the reason, and its kind, of the HDF5 call that just failed. */
bool sn_h5_fail_library(sn_h5_reason *why);

/** The same with a text of one's own, its kind as HDF5 tells. */
bool sn_h5_fail_library_as(sn_h5_reason *why, const char *text);

/** Closes what *id stands for, if anything, and makes it H5I_INVALID_HID. */
void sn_h5_close(hid_t *id);

/** Opens the contents of the file at path, or of an empty file where path is NULL, in
 *  memory only, to be changed and saved.  A full disk then never meets the library,
 *  which cannot close a file that it cannot flush.  bytes is about how large the file
 *  becomes.  False with SN_ENOMEM when memory is short. */
bool sn_h5_image_open(const char *path, size_t bytes, hid_t *file,
                      sn_h5_reason *why) SN_MUST_CHECK;

/** Writes the file in memory to path, replacing what is there; not yet flushed to the
 *  device.  SN_ECREATE, SN_EIO (path is removed), SN_ENOMEM. */
sn_status sn_h5_image_save(hid_t file, const char *path, sn_error *err) SN_MUST_CHECK;

/** SN_ENOINPUT unless path is a regular file that may be read. */
sn_status sn_h5_check_file(const char *path, sn_error *err) SN_MUST_CHECK;

/** Opens an existing file to read.  Takes no lock, so that nobody is kept from writing.
 */
bool sn_h5_open(const char *path, hid_t *file, sn_h5_reason *why) SN_MUST_CHECK;

/** Opens the group or the dataset (H5I_GROUP, H5I_DATASET) at a path of at most 63
 *  bytes.  Links that are not plain hard links are refused, since they may lead out of
 *  the file. */
bool sn_h5_open_object(hid_t file, const char *path, H5I_type_t type, hid_t *object,
                       sn_h5_reason *why) SN_MUST_CHECK;

/** Makes a group whose attributes all lie in its header. */
bool sn_h5_create_group(hid_t parent, const char *name, hid_t *group,
                        sn_h5_reason *why) SN_MUST_CHECK;

/** The numbers of scalar attributes: 64 bits, little-endian. */
typedef enum sn_h5_number { SN_H5_INT64, SN_H5_UINT64, SN_H5_DOUBLE } sn_h5_number;

/** Write a scalar attribute: a number of that kind, or fixed-length UTF-8 text. */
bool sn_h5_write_number(hid_t object, const char *name, sn_h5_number kind,
                        const void *value, sn_h5_reason *why) SN_MUST_CHECK;
bool sn_h5_write_text(hid_t object, const char *name, const char *value,
                      sn_h5_reason *why) SN_MUST_CHECK;

/** Read one; other types, shapes and sizes are refused.  text (bytes) always ends in a
 *  zero. */
bool sn_h5_read_number(hid_t object, const char *name, sn_h5_number kind, void *value,
                       sn_h5_reason *why) SN_MUST_CHECK;
bool sn_h5_read_text(hid_t object, const char *name, char *text, size_t bytes,
                     sn_h5_reason *why) SN_MUST_CHECK;

/** Fixed-length, zero-terminated UTF-8 of bytes bytes.  Negative when memory is short.
 */
hid_t sn_h5_text_type(size_t bytes);

/** Checks type and rank (at most 2) of a dataset and reads its extents. */
bool sn_h5_check_shape(hid_t dataset, hid_t type, int rank, hsize_t extents[],
                       sn_h5_reason *why) SN_MUST_CHECK;

/** Checks that the file really holds every byte of a dataset's rows up to end, whose
 *  shape has been checked, within the file's size and through no filter but fletcher32,
 *  so that memory of that size may be asked for.  Where all is false, pieces may be
 *  missing, but none may be wrong.  Chunks that end before row first are not looked at,
 *  and may then not be read.  Costs, for each of the others, a walk over the index up
 *  to it, since HDF5 looks for a chunk's place in no other way: for n chunks n^2/2
 *  steps of 15 ns. */
bool sn_h5_check_storage(hid_t dataset, hsize_t first, hsize_t end, bool all,
                         sn_h5_reason *why) SN_MUST_CHECK;

#endif
