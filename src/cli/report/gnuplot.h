/* SPDX-License-Identifier: BSD-3-Clause */
/** Plots by the program gnuplot (internal to cli). */
#ifndef SHARDNET_CLI_REPORT_GNUPLOT_H
#define SHARDNET_CLI_REPORT_GNUPLOT_H

#include <stddef.h>

#include "shardnet/status.h"

/** Runs gnuplot, found on the PATH and without anybody's settings, on a script of bytes
 *  bytes that plots one SVG to its standard output.  *svg, the caller's to free(), is
 *  its element <svg> with prefix before every id, so that several can stand on a page.
 *  Makes no file.  SN_ENOINPUT where gnuplot is not installed, SN_EIO where it fails or
 *  takes longer than half a minute, SN_ENOMEM. */
sn_status sn_gnuplot_svg(const char *script, size_t bytes, const char *prefix,
                         char **svg, sn_error *err) SN_MUST_CHECK;

#endif
