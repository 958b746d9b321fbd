/* SPDX-License-Identifier: BSD-3-Clause */
/** Memory: 64-byte aligned, zeroed, overflow-checked allocation. */
#ifndef SHARDNET_BASE_MEM_H
#define SHARDNET_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "shardnet/status.h"

enum { SN_ALIGNMENT = 64 };

/** *product = a * b; false when it does not fit a size_t. */
bool sn_size_multiply(size_t a, size_t b, size_t *product) SN_MUST_CHECK;

/** count elements of element_bytes each, zeroed, aligned to SN_ALIGNMENT, released with
 *  free().  NULL when the size overflows or memory is short; count 0 gives a valid
 *  pointer. */
void *sn_alloc(size_t count, size_t element_bytes) SN_MUST_CHECK;

#endif
