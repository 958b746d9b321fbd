/* SPDX-License-Identifier: BSD-3-Clause */
/** The launcher (mpirun, srun, hydra) as the environment describes it before MPI
 *  starts.  No function is collective. */
#ifndef SHARDNET_DIST_LAUNCH_LAUNCH_H
#define SHARDNET_DIST_LAUNCH_LAUNCH_H

#include "shardnet/status.h"

typedef struct sn_launch {
    const char *variable; /* names the variable with the number of tasks, or NULL */
    int tasks;            /* number of tasks that were started; 1 without a launcher */
    int task;             /* number of this process, -1 if unknown */
    int node_tasks;       /* number of tasks on this node, 0 if unknown */
} sn_launch;

/** Reads OMPI_COMM_WORLD_*, PMI_* and SLURM_*, in this order; the first launcher that
 *  is present counts, because mpirun may run inside a Slurm job.  The Slurm variables
 *  are those of a step: the batch script itself has none of them. */
void sn_launch_read(sn_launch *launch);

/** Sets parameters of MPI, unless the environment sets them; call it before MPI
 *  starts.  If this node has more tasks than cores: OMPI_MCA_mpi_yield_when_idle=1
 *  and, in a job on one node, MPIR_CVAR_DEVICE_COLLECTIVES=none (MPICH), so that
 *  waiting ranks yield their core and an allreduce takes microseconds instead of
 *  milliseconds.  If this process cannot read the memory of others:
 *  OMPI_MCA_btl_vader_single_copy_mechanism=none, or Open MPI 4 prints a line per large
 *  message. */
void sn_launch_prepare(const sn_launch *launch);

/** Removes the variables of the step from the environment if srun has started this task
 *  without a PMI.  The task, or a command in its shell, can then start MPI as the only
 *  rank of its own job.  Call it before MPI starts. */
void sn_launch_alone(void);

/** Checks, before MPI starts, that srun provides a PMI to tasks of Open MPI.  With
 *  other MPI libraries the check always passes, and sn_launch_check detects the
 *  failure.  Errors: SN_ECONFIG, with the remedy in the message. */
sn_status sn_launch_check_before(const sn_launch *launch, sn_error *err) SN_MUST_CHECK;

/** Checks, after MPI has started, that it sees every task: size is the number of ranks.
 *  Errors: SN_ECONFIG, with the remedy in the message. */
sn_status sn_launch_check(const sn_launch *launch, int size,
                          sn_error *err) SN_MUST_CHECK;

#endif
