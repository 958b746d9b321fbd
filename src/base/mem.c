/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
