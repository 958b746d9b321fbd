/* SPDX-License-Identifier: BSD-3-Clause */
/** What a fuzz target has, for libFuzzer and for driver.c alike.
 *
 *  A target gives any bytes to a reader and aborts where the reader breaks a promise: a
 *  status that is none of its own (out of memory among them: no input of this size
 *  justifies it), or something accepted that does not hold together. */
#ifndef SHARDNET_TESTS_FUZZ_H
#define SHARDNET_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

/** Longest input. */
enum { FUZZ_BYTES_MAX = 1 << 18 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** The good input of that number (free() it), NULL behind the last; made anew each
 * time, so that no binary file lies in the repository. */
uint8_t *fuzz_seed(size_t number, size_t *size);

/** Mends the checksums of a changed input, where the format has any, so that the change
 *  gets past them; leaves a good input as it is. */
void fuzz_repair(uint8_t *data, size_t size);

/** A file that holds the bytes, always under the same path.  The process that called
 * this first removes it when it exits; its children share it. */
const char *fuzz_file(const uint8_t *data, size_t size);

/** Reads a whole file into memory that the caller frees, and removes it. */
uint8_t *fuzz_take_file(const char *path, size_t *size);

/** A path in a folder of its own for a seed; fuzz_take_file removes both. */
const char *fuzz_seed_path(void);

/** Aborts with the words, for what must never happen. */
_Noreturn void fuzz_never(const char *format, ...) SN_PRINTF(1, 2);

/** Aborts unless status is SN_OK or expected; true for SN_OK. */
int fuzz_accepts(sn_status status, sn_status expected, const sn_error *err);

#endif
