/* SPDX-License-Identifier: BSD-3-Clause */
/** Files and folders: paths, folders, durable publication. */
#ifndef SHARDNET_BASE_FILE_H
#define SHARDNET_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shardnet/status.h"

/** path = what the format makes.  SN_ERANGE when it exceeds SN_PATH_BYTES. */
sn_status sn_path_format(char path[SN_PATH_BYTES], sn_error *err, const char *format,
                         ...) SN_MUST_CHECK SN_PRINTF(3, 4);

/** path = folder "/" name.  SN_ERANGE when it exceeds SN_PATH_BYTES. */
sn_status sn_path_join(char path[SN_PATH_BYTES], const char *folder, const char *name,
                       sn_error *err) SN_MUST_CHECK;

/** folder = that which holds path, "." where path has no slash.  path is shorter than
 *  SN_PATH_BYTES. */
void sn_path_parent(char folder[SN_PATH_BYTES], const char *path);

/** The suffix of a file that is being written. */
#define SN_TEMPORARY_SUFFIX ".tmp"

/** temporary = path ".tmp", under which a file is written before it is published.
 *  SN_ERANGE. */
sn_status sn_path_temporary(char temporary[SN_PATH_BYTES], const char *path,
                            sn_error *err) SN_MUST_CHECK;

/** Makes the folder and its missing parents, and fsyncs where each was made; an
 *  existing folder is fine.  SN_ECREATE. */
sn_status sn_folder_create(const char *folder, sn_error *err) SN_MUST_CHECK;

/** Makes a complete file visible under its final name: fsync of the file, rename, fsync
 *  of the folder.  temporary and path lie in the same folder.  SN_EIO. */
sn_status sn_file_publish(const char *temporary, const char *path,
                          sn_error *err) SN_MUST_CHECK;

/** Ends what wrote temporary, with status: SN_OK publishes it as sn_file_publish does.
 *  Where status is another or that fails, temporary is removed.  Returns status or
 *  SN_EIO. */
sn_status sn_file_publish_or_remove(sn_status status, const char *temporary,
                                    const char *path, sn_error *err) SN_MUST_CHECK;

/** Writes bytes to path, replacing what is there; not yet flushed to the device.
 *  SN_ECREATE; SN_EIO, and path is removed. */
sn_status sn_file_write(const char *path, const void *data, size_t bytes,
                        sn_error *err) SN_MUST_CHECK;

/** Writes text to path by way of path.tmp and sn_file_publish.  SN_ECREATE when the
 *  file cannot be made, SN_EIO when it cannot be written; path.tmp is removed. */
sn_status sn_file_write_text(const char *path, const char *text,
                             sn_error *err) SN_MUST_CHECK;

/** Renames path to aside = path.why, or path.why.2, path.why.3 ... where that is taken.
 *  Nothing is overwritten.  SN_EIO, SN_ERANGE. */
sn_status sn_file_move_away(const char *path, const char *why,
                            char aside[SN_PATH_BYTES], sn_error *err) SN_MUST_CHECK;

/** Opens a regular file for reading; the caller closes it.  bytes: its length.  wanted
 *  completes the message "give ...".  SN_ENOINPUT. */
sn_status sn_file_open(const char *path, const char *wanted, FILE **file,
                       uint64_t *bytes, sn_error *err) SN_MUST_CHECK;

bool sn_file_exists(const char *path);
bool sn_is_folder(const char *path);

#endif
