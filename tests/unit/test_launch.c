/* SPDX-License-Identifier: BSD-3-Clause */
/* The environment of each launcher, and the variable for Open MPI. */
#include "support.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/launch/cores.h"
#include "dist/launch/launch.h"

static int clear_launcher_variables(void **state)
{
    (void)state;
    static const char *const all[] = {"OMPI_COMM_WORLD_SIZE",
                                      "OMPI_COMM_WORLD_RANK",
                                      "OMPI_COMM_WORLD_LOCAL_SIZE",
                                      "PMI_SIZE",
                                      "PMI_RANK",
                                      "MPI_LOCALNRANKS",
                                      "SLURM_STEP_NUM_TASKS",
                                      "SLURM_PROCID",
                                      "PMIX_NAMESPACE",
                                      "PMIX_RANK",
                                      "PMI_FD",
                                      "PALS_RANKID",
                                      "PMI_CONTROL_PORT",
                                      "SLURM_NODEID",
                                      "SLURM_STEP_TASKS_PER_NODE"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        unsetenv(all[i]);
    }
    return 0;
}

static void srun_without_a_pmi_is_refused(void **state)
{
    (void)state;
    static const char *const signs[] = {"PMIX_NAMESPACE", "PMI_FD", "PALS_RANKID",
                                        "PMI_CONTROL_PORT"};
    sn_launch launch;
    sn_error err = {""};
    sn_launch_read(&launch);
    assert_int_equal(launch.tasks, 1);
    assert_int_equal(sn_launch_check_before(&launch, &err), SN_OK);
    setenv("SLURM_STEP_NUM_TASKS", "4", 1);
    setenv("SLURM_PROCID", "2", 1);
    sn_launch_read(&launch);
    assert_int_equal(launch.tasks, 4);
    assert_int_equal(launch.task, 2);
#ifdef OPEN_MPI
    assert_int_equal(sn_launch_check_before(&launch, &err), SN_ECONFIG);
#else
    assert_int_equal(sn_launch_check_before(&launch, &err), SN_OK);
#endif
    assert_int_equal(sn_launch_check(&launch, 1, &err), SN_ECONFIG);
    assert_int_equal(sn_launch_check(&launch, 4, &err), SN_OK);
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        setenv(signs[i], "1", 1);
        assert_int_equal(sn_launch_check_before(&launch, &err), SN_OK);
        sn_launch_alone();
        sn_launch_read(&launch);
        assert_int_equal(launch.tasks, 4);
        unsetenv(signs[i]);
    }
    sn_launch_alone();
    sn_launch_read(&launch);
    assert_int_equal(launch.tasks, 1);
    assert_int_equal(sn_launch_check_before(&launch, &err), SN_OK);
    assert_int_equal(sn_launch_check(&launch, 1, &err), SN_OK);
    setenv("OMPI_COMM_WORLD_SIZE", "3", 1);
    sn_launch_alone();
    sn_launch_read(&launch);
    assert_int_equal(launch.tasks, 3);
}

static void the_tasks_of_each_node_come_from_slurms_list(void **state)
{
    (void)state;
    static const struct {
        const char *list, *node;
        int tasks;
    } cases[] = {{"4(x2),3", "0", 4}, {"4(x2),3", "1", 4},    {"4(x2),3", "2", 3},
                 {"4(x2),3", "3", 0}, {"1,2,7(x30)", "1", 2}, {"1,2,7(x30)", "31", 7},
                 {"5", "0", 5},       {"", "0", 0},           {"x", "0", 0},
                 {"3(x", "1", 0},     {"-2", "0", 0}};
    setenv("SLURM_STEP_NUM_TASKS", "11", 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sn_launch launch;
        setenv("SLURM_STEP_TASKS_PER_NODE", cases[i].list, 1);
        setenv("SLURM_NODEID", cases[i].node, 1);
        sn_launch_read(&launch);
        assert_int_equal(launch.node_tasks, cases[i].tasks);
    }
}

/* The parent of this process takes the place of the launcher. */
static void waiting_ranks_yield_if_tasks_outnumber_cores(void **state)
{
    (void)state;
    static const char yield[] = "OMPI_MCA_mpi_yield_when_idle";
    static const char device[] = "MPIR_CVAR_DEVICE_COLLECTIVES";
    char all[16];
    sn_launch launch;
    sn_launch_read(&launch);
    unsetenv(yield);
    unsetenv(device);
    sn_launch_prepare(&launch);
    assert_null(getenv(yield));
    assert_null(getenv(device));
    setenv("OMPI_COMM_WORLD_SIZE", "100000", 1);
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "100000", 1);
    sn_launch_read(&launch);
    sn_launch_prepare(&launch);
    assert_string_equal(getenv(yield), "1");
    assert_string_equal(getenv(device), "none");
    unsetenv(device);
    setenv("OMPI_COMM_WORLD_SIZE", "100001", 1); /* one task is on another node */
    sn_launch_read(&launch);
    sn_launch_prepare(&launch);
    assert_null(getenv(device));
    setenv(yield, "0", 1);
    sn_launch_prepare(&launch); /* the user's value stays */
    assert_string_equal(getenv(yield), "0");
    sn_node_mask mask;
    sn_cores_read_mask(&mask);
    const int cores = sn_cores_count(&mask);
    snprintf(all, sizeof all, "%d", cores);
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", all, 1);
    sn_launch_read(&launch);
    assert_int_equal(launch.node_tasks, cores);
    unsetenv(yield);
    sn_launch_prepare(&launch);
    assert_int_equal(getenv(yield) != NULL,
                     cores > 1 && sn_cores_quota("/proc", "/sys") < cores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(srun_without_a_pmi_is_refused, clear_launcher_variables),
        cmocka_unit_test_setup(the_tasks_of_each_node_come_from_slurms_list,
                               clear_launcher_variables),
        cmocka_unit_test_setup(waiting_ranks_yield_if_tasks_outnumber_cores,
                               clear_launcher_variables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
