/* SPDX-License-Identifier: BSD-3-Clause */
/** The order in which a page shows items. */
#ifndef SHARDNET_CLI_REPORT_ORDER_H
#define SHARDNET_CLI_REPORT_ORDER_H

#include <stddef.h>

/** An item, by its index in an array, and the value that decides its place. */
typedef struct sn_ordered {
    size_t index;
    double value; /* not NaN */
} sn_ordered;

/** Sorts items (count) by falling value; of equal values the smaller index comes first.
 *  Not collective. */
void sn_order(sn_ordered *items, size_t count);

#endif
