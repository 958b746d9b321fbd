/* SPDX-License-Identifier: BSD-3-Clause */
/** The functions of a fuzz target, for libFuzzer and for driver.c.
 *
 *  A target passes arbitrary bytes to a reader.  It aborts if the reader breaks its
 *  contract: it returns a status that it does not document (SN_ENOMEM too, because the
 *  inputs are small), or it accepts an inconsistent input. */
#ifndef SHARDNET_TESTS_FUZZ_H
#define SHARDNET_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

enum { FUZZ_BYTES_MAX = 1 << 18 }; /* size of the largest input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Returns valid input number, or NULL if there are not that many; the caller frees it.
 *  The function generates the input, so that the repository needs no binary files. */
uint8_t *fuzz_seed(size_t number, size_t *size);

/** Corrects the checksums of a changed input, if the format has any, so that the reader
 *  does not reject it for them.  A valid input does not change. */
void fuzz_repair(uint8_t *data, size_t size);

/** Writes the bytes to a file and returns its path, which is the same for every call.
 *  Child processes share the file; the process of the first call removes it at exit. */
const char *fuzz_file(const uint8_t *data, size_t size);

/** Reads a whole file into memory that the caller frees, and removes it. */
uint8_t *fuzz_take_file(const char *path, size_t *size);

/** Returns a path in a new folder for a seed; fuzz_take_file removes both. */
const char *fuzz_seed_path(void);

/** Prints the message and aborts. */
_Noreturn void fuzz_never(const char *format, ...) SN_PRINTF(1, 2);

/** Aborts unless status is SN_OK or expected; returns whether it is SN_OK. */
int fuzz_accepts(sn_status status, sn_status expected, const sn_error *err);

#endif
