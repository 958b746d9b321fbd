/* SPDX-License-Identifier: BSD-3-Clause */
/** Measures the difference between the clocks of two hosts. */
#ifndef SHARDNET_DIST_COMM_CLOCK_H
#define SHARDNET_DIST_COMM_CLOCK_H

#include "dist/comm/comm.h"

/** Sets *offset: rank 0's clock = sn_comm_clock + *offset.  The ranks of a node share
 *  one clock.  The leader of each node asks rank 0 repeatedly for the time; in the
 *  shortest exchange, the answer is taken as the time in the middle (Cristian 1989).
 *  The error is at most half the duration of that exchange.  Collective.  Errors:
 *  SN_ENOMEM, SN_EMPI. */
sn_status sn_comm_clock_offset(sn_comm *comm, double *offset,
                               sn_error *err) SN_MUST_CHECK;

/** Returns the time of this rank's clock, to which a test can add an error. */
double sn_comm_clock(const sn_comm *comm);

#endif
