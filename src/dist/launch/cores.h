/* SPDX-License-Identifier: BSD-3-Clause */
/** Affinity masks and CPU limits, as Linux reports them.  The functions that read files
 *  take the roots of /proc and /sys, so that tests can pass folders of their own.  No
 *  function is collective. */
#ifndef SHARDNET_DIST_LAUNCH_CORES_H
#define SHARDNET_DIST_LAUNCH_CORES_H

#include <stdint.h>

enum { SN_NODE_MASK_WORDS = 128 };

/** An affinity mask: bit i stands for processor i.  8192 bits are the most that Linux
 *  supports. */
typedef struct sn_node_mask {
    uint64_t word[SN_NODE_MASK_WORDS];
} sn_node_mask;

/** Reads the mask of the calling thread.  If the system returns none, the mask holds
 *  processor 0 only. */
void sn_cores_read_mask(sn_node_mask *mask);

/** Returns the number of processors in a mask.  Pure. */
int sn_cores_count(const sn_node_mask *mask);

/** Returns the share of one rank of the processors of its node, which has masks
 *  (ranks): floor(sum over the processors of its mask of 1 / number of masks that hold
 *  the processor), at least 1.  Pure. */
int sn_node_share(const sn_node_mask *masks, int ranks, int rank);

/** Replaces the hardware threads of each core by the first one of them, so that the
 *  mask counts cores.  A processor without topology information counts as a core.  sys
 *  is normally "/sys". */
void sn_cores_merge(const char *sys, sn_node_mask *mask);

/** Returns the number of processors that the control groups of this process allow
 *  (cpu.max, or cpu.cfs_quota_us in version 1), INFINITY without a limit.  proc is
 *  normally "/proc". */
double sn_cores_quota(const char *proc, const char *sys);

/** Returns the number of processors that the launcher of process pid may run on, 0 if
 *  it is unknown.  The launcher is the nearest ancestor that lacks the environment
 *  variable. */
int sn_cores_of_launcher(const char *proc, long pid, const char *variable);

#endif
