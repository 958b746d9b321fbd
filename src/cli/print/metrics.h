/** Rows of metrics as text (internal to cli). */
#ifndef SHARDNET_CLI_PRINT_METRICS_H
#define SHARDNET_CLI_PRINT_METRICS_H

#include "store/metrics/metrics.h"

/** Where rows go, and how. */
typedef struct sn_metrics_printer {
    FILE *out;
    sn_metrics_kind kind;
    bool csv; /* every column, exact; else aligned for people */
} sn_metrics_printer;

/** The line of column names. */
void sn_metrics_print_header(const sn_metrics_printer *printer);

/** An sn_metrics_take; user is the printer.  The header comes before the first rows of
 *  sn_metrics_each, when there are none; with a follower it is the caller's.  False
 *  when out has failed. */
bool sn_metrics_print_piece(void *user, const void *rows, size_t count);

#endif
