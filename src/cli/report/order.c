/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/report/order.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const sn_ordered *left = a, *right = b;
    return left->value != right->value
               ? (left->value < right->value ? 1 : -1)
               : (left->index > right->index) - (left->index < right->index);
}

void sn_order(sn_ordered *items, size_t count)
{
    qsort(items, count, sizeof *items, compare);
}
