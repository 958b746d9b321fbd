/** What the system says of cores: under the roots of /proc and /sys, for tests. */
#ifndef SHARDNET_DIST_CORES_H
#define SHARDNET_DIST_CORES_H

#include "shardnet/node.h"

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
