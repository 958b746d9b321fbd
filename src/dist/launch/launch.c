/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* process_vm_readv */
#include "dist/launch/launch.h"

#include <math.h>
#include <mpi.h> /* OPEN_MPI */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dist/launch/cores.h"

static int number(const char *name, int absent)
{
    const char *text = name == NULL ? NULL : getenv(name);
    char *end;
    if (text == NULL || *text == '\0') {
        return absent;
    }
    long value = strtol(text, &end, 10);
    return *end == '\0' && value >= 0 && value < 1 << 30 ? (int)value : absent;
}

/* Returns the number of tasks of a node in a list of Slurm, 0 if the list lacks it:
 * "4(x2),3" means 4 tasks on nodes 0 and 1 and 3 on node 2. */
static int tasks_of_node(const char *list, int node)
{
    for (char *end; list != NULL; list = *end == ',' ? end + 1 : NULL) {
        const long tasks = strtol(list, &end, 10);
        long nodes = 1;
        if (strncmp(end, "(x", 2) == 0) {
            nodes = strtol(end + 2, &end, 10);
            end += *end == ')';
        }
        if (node < nodes) {
            return tasks > 0 && tasks < 1 << 30 ? (int)tasks : 0;
        }
        node -= (int)nodes;
    }
    return 0;
}

static const struct {
    const char *tasks, *task, *node_tasks, *list, *node;
} launchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE", NULL,
     NULL},
    {"PMI_SIZE", "PMI_RANK", "MPI_LOCALNRANKS", NULL, NULL},
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", NULL, "SLURM_STEP_TASKS_PER_NODE",
     "SLURM_NODEID"},
};

void sn_launch_read(sn_launch *launch)
{
    *launch = (sn_launch){.tasks = 1, .task = -1};
    for (size_t i = 0; i < sizeof launchers / sizeof launchers[0]; i++) {
        int tasks = number(launchers[i].tasks, 0);
        if (tasks > 0) {
            launch->variable = launchers[i].tasks;
            launch->tasks = tasks;
            launch->task = number(launchers[i].task, -1);
            launch->node_tasks = number(launchers[i].node_tasks, 0);
            if (launchers[i].list != NULL) {
                launch->node_tasks = tasks_of_node(getenv(launchers[i].list),
                                                   number(launchers[i].node, 0));
            }
            return;
        }
    }
}

/* Returns true if this node has more tasks than cores.  The cores are those in the mask
 * of this process, or in the mask of its launcher if the launcher has bound each task
 * to cores of its own; the quota of the control group limits them. */
static bool is_crowded(const sn_launch *launch)
{
    if (launch->variable == NULL || launch->node_tasks < 2) {
        return false;
    }
    sn_node_mask mask;
    sn_cores_read_mask(&mask);
    int cores = sn_cores_count(&mask);
    if (cores < launch->node_tasks) { /* the launcher may have bound the tasks */
        const int all = sn_cores_of_launcher("/proc", getpid(), launch->variable);
        cores = all > 0 ? all : (int)sysconf(_SC_NPROCESSORS_ONLN);
    }
    return fmin(cores, sn_cores_quota("/proc", "/sys")) < launch->node_tasks;
}

/* Containers forbid this system call even if the process reads its own memory. */
static bool can_read_memory_of_processes(void)
{
    char from = 1, to = 0;
    const struct iovec remote = {&from, 1}, local = {&to, 1};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1;
}

void sn_launch_prepare(const sn_launch *launch)
{
    if (is_crowded(launch)) {
        (void)setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
        if (launch->node_tasks == launch->tasks) { /* all ranks need the same value */
            (void)setenv("MPIR_CVAR_DEVICE_COLLECTIVES", "none", 0);
        }
    }
    if (!can_read_memory_of_processes()) {
        (void)setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    }
}

static sn_status refuse(const sn_launch *launch, int size, sn_error *err)
{
    return sn_fail(err, SN_ECONFIG,
                   "launch (%s=%d): MPI sees only %d rank%s, so each task would train "
                   "alone; start with `srun --mpi=pmix` or with the mpirun of the MPI "
                   "library that shardnet was built with",
                   launch->variable, launch->tasks, size, size == 1 ? "" : "s");
}

/* Returns true unless srun has started this task without a PMI.  srun with a PMI sets
 * one of these variables, and so does PALS. */
static bool has_pmi(const sn_launch *launch)
{
    static const char *const signs[] = {"PMIX_NAMESPACE", "PMIX_RANK",
                                        "PMI_FD",         "PMI_RANK",
                                        "PALS_RANKID",    "PMI_CONTROL_PORT"};
    bool found = launch->variable == NULL ||
                 strcmp(launch->variable, "SLURM_STEP_NUM_TASKS") != 0;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        found = found || getenv(signs[i]) != NULL;
    }
    return found;
}

void sn_launch_alone(void)
{
    sn_launch launch;
    sn_launch_read(&launch);
    if (!has_pmi(&launch)) {
        (void)unsetenv("SLURM_STEP_NUM_TASKS");
        (void)unsetenv("SLURM_STEP_ID"); /* Open MPI 4 would end the process */
    }
}

sn_status sn_launch_check_before(const sn_launch *launch, sn_error *err)
{
#ifdef OPEN_MPI
    /* without a PMI, Open MPI either ends the process in MPI_Init or starts it as a
     * single rank */
    const bool may_start = has_pmi(launch);
#else
    const bool may_start = true; /* MPICH and its relatives use Slurm's own PMI */
#endif
    return may_start || launch->tasks == 1 ? SN_OK : refuse(launch, 1, err);
}

sn_status sn_launch_check(const sn_launch *launch, int size, sn_error *err)
{
    return launch->tasks <= size ? SN_OK : refuse(launch, size, err);
}
