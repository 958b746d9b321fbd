/* SPDX-License-Identifier: BSD-3-Clause */
/** What the system says of cores: under the roots of /proc and /sys, for tests. */
#ifndef SHARDNET_DIST_LAUNCH_CORES_H
#define SHARDNET_DIST_LAUNCH_CORES_H

#include <stdint.h>

enum { SN_NODE_MASK_WORDS = 128 };

/** An affinity mask, of as many processors as Linux can be built for. */
typedef struct sn_node_mask {
    uint64_t word[SN_NODE_MASK_WORDS];
} sn_node_mask;

/** Reads the mask of the calling thread; processor 0 alone where the system gives none.
 *  Not collective. */
void sn_cores_read_mask(sn_node_mask *mask);

/** Processors of a mask.  Pure. */
int sn_cores_count(const sn_node_mask *mask);

/** The share of one mask among the masks (ranks) of a node: floor(sum over its cores of
 *  1 / ranks that have the core), at least 1.  Pure. */
int sn_node_share(const sn_node_mask *masks, int ranks, int rank);

/** Puts the first hardware thread of each core in the place of all that the mask has of
 *  it, so that the mask counts cores; sys is "/sys".  What the system does not tell is
 * a core of its own.  Not collective. */
void sn_cores_merge(const char *sys, sn_node_mask *mask);

/** Processors' worth of time that the control groups of this process allow (cpu.max, or
 *  cpu.cfs_quota_us of version 1), INFINITY for no limit; proc is "/proc".  Not
 *  collective. */
double sn_cores_quota(const char *proc, const char *sys);

/** Hardware threads that the launcher of process pid may run on, which is the nearest
 *  ancestor without the variable in its environment; 0 where unknown.  Not collective.
 */
int sn_cores_of_launcher(const char *proc, long pid, const char *variable);

#endif
