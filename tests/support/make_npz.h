/* SPDX-License-Identifier: BSD-3-Clause */
/** NPZ archives, without compression, for tests. */
#ifndef SHARDNET_TESTS_MAKE_NPZ_H
#define SHARDNET_TESTS_MAKE_NPZ_H

#include <stddef.h>
#include <stdint.h>

enum { MAKE_NPZ_ARRAYS = 4 };

/** An array: header is the text of its NPY header, a Python dictionary. */
typedef struct npz_array {
    const char *name; /* such as x_train.npy */
    const char *header;
    const void *elements;
    size_t bytes;
} npz_array;

/** Writes the archive to file (room) and returns its size; ends the process if it does
 *  not fit. */
size_t make_npz(const npz_array arrays[MAKE_NPZ_ARRAYS], uint8_t *file, size_t room);

/** Corrects the checksums of all complete members of the archive. */
void make_npz_repair(uint8_t *file, size_t size);

#endif
