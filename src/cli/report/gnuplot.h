/* SPDX-License-Identifier: BSD-3-Clause */
/** Plots drawn by the program gnuplot (internal to cli). */
#ifndef SHARDNET_CLI_REPORT_GNUPLOT_H
#define SHARDNET_CLI_REPORT_GNUPLOT_H

#include <stddef.h>

#include "shardnet/status.h"

/** Runs gnuplot from the PATH, without the user's settings, on a script (bytes) that
 *  plots one SVG to standard output.  *svg is the element <svg>, which the caller
 *  frees; the function adds prefix to every id, so that a page can hold several
 *  plots.  Writes no file.  Errors: SN_ENOINPUT if gnuplot is not installed, SN_EIO
 *  if it fails or is silent for 30 seconds, SN_ENOMEM. */
sn_status sn_gnuplot_svg(const char *script, size_t bytes, const char *prefix,
                         char **svg, sn_error *err) SN_MUST_CHECK;

#endif
