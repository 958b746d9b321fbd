/* SPDX-License-Identifier: BSD-3-Clause */
/** What the launcher (mpirun, srun, hydra) says in the environment, before MPI starts.
 */
#ifndef SHARDNET_DIST_LAUNCH_LAUNCH_H
#define SHARDNET_DIST_LAUNCH_LAUNCH_H

#include "shardnet/status.h"

typedef struct sn_launch {
    const char *variable; /* that gives the number of tasks; NULL for none */
    int tasks;            /* promised; 1 for none */
    int task;             /* this process's number, -1 where unknown */
    int node_tasks;       /* on this node, 0 where unknown */
} sn_launch;

/** Reads OMPI_COMM_WORLD_*, PMI_* and SLURM_* (a step's only: a batch shell promises
 *  nothing).  The first launcher that is present counts: mpirun under Slurm is mpirun.
 */
void sn_launch_read(sn_launch *launch);

/** Where this node has more tasks than cores for them, lets Open MPI's waiting ranks
 *  yield their core, unless the environment sets mpi_yield_when_idle: an allreduce then
 *  takes microseconds instead of milliseconds.  Before MPI starts; not collective. */
void sn_launch_prepare(const sn_launch *launch);

/** SN_ECONFIG, with the fix, when srun started several tasks of Open MPI without any
 *  PMI.  With other libraries always SN_OK: sn_launch_check finds it.  Before MPI
 *  starts. */
sn_status sn_launch_check_before(const sn_launch *launch, sn_error *err) SN_MUST_CHECK;

/** SN_ECONFIG, with the fix, when more tasks were promised than MPI sees. */
sn_status sn_launch_check(const sn_launch *launch, int size,
                          sn_error *err) SN_MUST_CHECK;

#endif
