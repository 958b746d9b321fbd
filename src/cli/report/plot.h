/* SPDX-License-Identifier: BSD-3-Clause */
/** Lines of the curves of several runs (internal to cli). */
#ifndef SHARDNET_CLI_REPORT_PLOT_H
#define SHARDNET_CLI_REPORT_PLOT_H

#include <stdbool.h>
#include <stddef.h>

enum { SN_PLOT_RUNS = 16 /* number of runs with curves */ };

/** Return the colour of run i < SN_PLOT_RUNS in CSS, and true if its line is dashed. */
const char *sn_plot_colour(size_t i);
bool sn_plot_is_dashed(size_t i);

#endif
