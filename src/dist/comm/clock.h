/* SPDX-License-Identifier: BSD-3-Clause */
/** The difference between the clocks of hosts. */
#ifndef SHARDNET_DIST_COMM_CLOCK_H
#define SHARDNET_DIST_COMM_CLOCK_H

#include "dist/comm/comm.h"

/** Sets *offset to the seconds that this rank adds to sn_clock_seconds to get the clock
 *  of rank 0.  The ranks of a node have one clock.  The leader of each node asks rank 0
 *  for its time and halves the duration of the shortest exchange (Cristian 1989); the
 *  error is at most that half.  Collective.  Errors: SN_ENOMEM, SN_EMPI. */
sn_status sn_comm_clock_offset(sn_comm *comm, double *offset,
                               sn_error *err) SN_MUST_CHECK;

/** Returns the time of this rank's clock, to which a test can add an error. */
double sn_comm_clock(const sn_comm *comm);

#endif
