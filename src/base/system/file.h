/* SPDX-License-Identifier: BSD-3-Clause */
/** Paths, folders, and files that are published durably.  None of these functions is
 *  collective. */
#ifndef SHARDNET_BASE_SYSTEM_FILE_H
#define SHARDNET_BASE_SYSTEM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shardnet/status.h"

/** path := the formatted text.  Errors: SN_ERANGE if it exceeds SN_PATH_BYTES. */
sn_status sn_path_format(char path[SN_PATH_BYTES], sn_error *err, const char *format,
                         ...) SN_MUST_CHECK SN_PRINTF(3, 4);

/** path := folder "/" name.  Errors: SN_ERANGE if it exceeds SN_PATH_BYTES. */
sn_status sn_path_join(char path[SN_PATH_BYTES], const char *folder, const char *name,
                       sn_error *err) SN_MUST_CHECK;

/** folder := the folder that contains path; "." if path has no slash.  path must be
 *  shorter than SN_PATH_BYTES. */
void sn_path_parent(char folder[SN_PATH_BYTES], const char *path);

/** The name of an unfinished file ends in this suffix. */
#define SN_TEMPORARY_SUFFIX ".tmp"

/** temporary := path SN_TEMPORARY_SUFFIX, the name of the file until it is published.
 *  Errors: SN_ERANGE if it exceeds SN_PATH_BYTES. */
sn_status sn_path_temporary(char temporary[SN_PATH_BYTES], const char *path,
                            sn_error *err) SN_MUST_CHECK;

/** Creates the folder and its missing parents, and fsyncs the parent of each new
 *  folder.  An existing folder is not an error.  Errors: SN_ECREATE. */
sn_status sn_folder_create(const char *folder, sn_error *err) SN_MUST_CHECK;

/** Waits until the contents of the file at path are on the device.  Errors: SN_EIO. */
sn_status sn_file_sync(const char *path, sn_error *err) SN_MUST_CHECK;

/** Gives a complete file its final name: fsync of the file, rename, fsync of the
 *  folder.  Both must be in the same folder; an existing file at path is replaced.
 *  Errors: SN_EIO. */
sn_status sn_file_publish(const char *temporary, const char *path,
                          sn_error *err) SN_MUST_CHECK;

/** Publishes temporary as sn_file_publish does if status, the result of writing it, is
 *  SN_OK; removes temporary if status is an error or publishing fails.  Returns status,
 *  or SN_EIO if publishing fails. */
sn_status sn_file_publish_or_remove(sn_status status, const char *temporary,
                                    const char *path, sn_error *err) SN_MUST_CHECK;

/** Replaces the file or link at path, if any, by a new file and opens it to write.  The
 *  caller closes *file.  Errors: SN_ECREATE, SN_ENOMEM. */
sn_status sn_file_create(const char *path, FILE **file, sn_error *err) SN_MUST_CHECK;

/** Creates path.tmp, the new contents of path, and opens it to write; the caller closes
 *  *file and calls sn_file_publish_or_remove.  path must be free, or a file or link: a
 *  device, a pipe or a folder is refused.  Errors: SN_ECREATE, SN_ENOMEM, SN_ERANGE. */
sn_status sn_file_begin(const char *path, char temporary[SN_PATH_BYTES], FILE **file,
                        sn_error *err) SN_MUST_CHECK;

/** Writes data (bytes) to a new file, as sn_file_create creates it; does not fsync.
 *  Errors: SN_ECREATE; SN_EIO, after which path does not exist. */
sn_status sn_file_write(const char *path, const void *data, size_t bytes,
                        sn_error *err) SN_MUST_CHECK;

/** Writes text to path.tmp and publishes it as path, with the limits of sn_file_begin.
 *  After an error path.tmp does not exist.  Errors: SN_ECREATE, SN_EIO, SN_ERANGE. */
sn_status sn_file_write_text(const char *path, const char *text,
                             sn_error *err) SN_MUST_CHECK;

/** Renames path to new_path = path.suffix; if that exists, to the first of
 *  path.suffix.2, path.suffix.3 ... that does not.  Errors: SN_EIO; SN_ERANGE if
 *  new_path is too long. */
sn_status sn_file_move_away(const char *path, const char *suffix,
                            char new_path[SN_PATH_BYTES], sn_error *err) SN_MUST_CHECK;

/** Opens a regular file for reading; the caller closes *file.  *bytes := its length.
 *  wanted completes the error message "give ...".  Errors: SN_ENOINPUT. */
sn_status sn_file_open(const char *path, const char *wanted, FILE **file,
                       uint64_t *bytes, sn_error *err) SN_MUST_CHECK;

/** Reads up to count decimal numbers, separated by white space, at the beginning of a
 *  file of the kernel.  Returns how many there are; 0 if the file cannot be read. */
int sn_file_numbers(const char *path, long long *number, int count);

bool sn_file_exists(const char *path);
bool sn_is_folder(const char *path);

#endif
