/* SPDX-License-Identifier: BSD-3-Clause */
/** A folder of its own for a test program, and the one file in it that most tests write. */
#ifndef SHARDNET_TESTS_SCRATCH_H
#define SHARDNET_TESTS_SCRATCH_H

#include <stddef.h>

/** The folder, and the path of the file in it. */
extern char folder[], path[];

/** Creates the folder; the set-up of a group of tests.  Returns 0, or -1 if it fails. */
int make_folder(void **state);

/** Removes the files in the folder; the tear-down of a test.  Returns 0, or -1 if it fails. */
int empty_folder(void **state);

/** Removes the folder and the files in it; the tear-down.  Returns 0, or -1 if it fails. */
int remove_folder(void **state);

/** Writes bytes (count) to the file.  The test fails if that fails. */
void write_bytes(const void *bytes, size_t count);

/** Reads the file, which must have fewer than room bytes, and returns their number. */
size_t read_bytes(void *bytes, size_t room);

#endif
