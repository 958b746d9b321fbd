/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* madvise */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool sn_size_multiply(size_t a, size_t b, size_t *product)
{
    if (b != 0 && a > SIZE_MAX / b) {
        return false;
    }
    *product = a * b;
    return true;
}

void *sn_alloc(size_t count, size_t element_bytes)
{
    size_t bytes;
    if (!sn_size_multiply(count, element_bytes, &bytes) ||
        bytes > SIZE_MAX - (size_t)2 * SN_ALIGNMENT) {
        return NULL;
    }
    /* aligned_alloc requires a multiple of the alignment */
    size_t padded = (bytes / SN_ALIGNMENT + 1) * SN_ALIGNMENT;
    void *memory = aligned_alloc(SN_ALIGNMENT, padded);
    if (memory != NULL) {
        memset(memory, 0, padded);
    }
    return memory;
}

void sn_mem_discard(void *memory, size_t bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)memory;
    const size_t before = (page - begin % page) % page;
    if (bytes >= SN_LARGE_BYTES) {
        (void)madvise((char *)memory + before, (bytes - before) / page * page,
                      MADV_DONTNEED);
    }
}
