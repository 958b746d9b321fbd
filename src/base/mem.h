/* SPDX-License-Identifier: BSD-3-Clause */
/** Allocation of aligned and zeroed memory with a check of the size. */
#ifndef SHARDNET_BASE_MEM_H
#define SHARDNET_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "shardnet/status.h"

enum { SN_ALIGNMENT = 64 };

/** *product := a * b.  Returns false if the product exceeds size_t. */
bool sn_size_multiply(size_t a, size_t b, size_t *product) SN_MUST_CHECK;

/** Returns count zeroed elements of element_bytes each, aligned to SN_ALIGNMENT; the
 *  caller releases them with free().  Returns NULL if the size exceeds size_t or there
 *  is no memory, and a valid pointer if count is 0. */
void *sn_alloc(size_t count, size_t element_bytes) SN_MUST_CHECK;

enum { SN_LARGE_BYTES = 64 << 20 };

/** Returns the pages of memory to the system; the contents are lost.  The memory stays
 *  allocated and takes new pages when it is written.  Does nothing if bytes is below
 *  SN_LARGE_BYTES, because new pages cost time and a small array saves little space. */
void sn_mem_discard(void *memory, size_t bytes);

#endif
