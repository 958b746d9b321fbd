/* What is read of the launcher, and what is set for Open MPI. */
#include "support.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dist/launch/cores.h"
#include "dist/launch/launch.h"
#include "dist/launch/mca.h"

static const sn_mca_setting settings[] = {{"btl_tcp_eager_limit", "532480", NULL},
                                          {"mtl", "^psm", "pml"},
                                          {"mpi_yield_when_idle", "1", NULL}};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

static const char *const variables[SETTINGS] = {
    "OMPI_MCA_btl_tcp_eager_limit", "OMPI_MCA_mtl", "OMPI_MCA_mpi_yield_when_idle"};
static char home[] = "/tmp/test_launch.XXXXXX";
static char file[sizeof home + 32];

static void write_file(const char *text)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static int without_settings(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTINGS; i++) {
        unsetenv(variables[i]);
    }
    unsetenv("OMPI_MCA_pml");
    unsetenv("OPAL_PREFIX");
    write_file("");
    /* what is installed on this machine says something too */
    return setenv("OMPI_MCA_mca_base_param_files", file, 1);
}

static int make_home(void **state)
{
    (void)state;
    char folder[sizeof home + 16];
    if (mkdtemp(home) == NULL) {
        return 1;
    }
    snprintf(folder, sizeof folder, "%s/.openmpi", home);
    snprintf(file, sizeof file, "%s/mca-params.conf", folder);
    return mkdir(folder, 0700) != 0 || setenv("HOME", home, 1) != 0;
}

static int remove_home(void **state)
{
    (void)state;
    char folder[sizeof home + 16];
    snprintf(folder, sizeof folder, "%s/.openmpi", home);
    return unlink(file) != 0 || rmdir(folder) != 0 || rmdir(home) != 0;
}

/* expected[i] is the value of variables[i], NULL for unset. */
static void expect(const char *const expected[SETTINGS])
{
    sn_mca_set(settings, SETTINGS);
    for (size_t i = 0; i < SETTINGS; i++) {
        const char *value = getenv(variables[i]);
        if (expected[i] == NULL) {
            assert_null(value);
        } else {
            assert_non_null(value);
            assert_string_equal(value, expected[i]);
        }
    }
}

static void defaults_are_set(void **state)
{
    (void)state;
    expect((const char *const[]){"532480", "^psm", "1"});
}

static void the_environment_wins(void **state)
{
    (void)state;
    setenv("OMPI_MCA_btl_tcp_eager_limit", "7", 1);
    setenv("OMPI_MCA_pml", "cm", 1);
    expect((const char *const[]){"7", NULL, "1"});
}

static void a_file_of_the_user_wins(void **state)
{
    (void)state;
    unsetenv("OMPI_MCA_mca_base_param_files"); /* that is $HOME's then */
    write_file("# mtl = psm\n  btl_tcp_eager_limit=65536\n\npml = cm\nmtls = ofi");
    expect((const char *const[]){NULL, NULL, "1"});
}

static void exclusions_are_joined(void **state)
{
    (void)state;
    write_file("pml = ^ucx\nmtl = ^ofi,portals4 # here\nmpi_yield_when_idle = ^0\n");
    expect((const char *const[]){"532480", "^psm,ofi,portals4", NULL});
}

static void a_file_without_settings_changes_nothing(void **state)
{
    (void)state;
    char text[2100];
    memset(text, 'x', 2000);
    strcpy(text + 2000, " mtl = psm\n#pml = cm\nmtl\npml_ob1 = 1\n= 3\n");
    write_file(text);
    expect((const char *const[]){"532480", "^psm", "1"});
}

static void listed_files_are_read_instead(void **state)
{
    (void)state;
    char list[2 * sizeof file + 32];
    char other[sizeof file + 8];
    write_file("mtl = psm\n");
    snprintf(other, sizeof other, "%s.other", file);
    snprintf(list, sizeof list, "%s,%s.none", other, file);
    assert_int_equal(rename(file, other), 0);
    write_file("btl_tcp_eager_limit = 1\n");
    setenv("OMPI_MCA_mca_base_param_files", list, 1);
    expect((const char *const[]){"532480", NULL, "1"});
    assert_int_equal(unlink(other), 0);
}

static void a_file_of_the_installation_wins(void **state)
{
    (void)state;
    char folder[sizeof home + 8], path[sizeof home + 64];
    snprintf(folder, sizeof folder, "%s/etc", home);
    snprintf(path, sizeof path, "%s/openmpi-mca-params.conf", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    write_file("mtl = ofi\nbtl_tcp_eager_limit = 1\n");
    assert_int_equal(rename(file, path), 0);
    write_file("mtl = ^mx\n"); /* of the user, so before that */
    unsetenv("OMPI_MCA_mca_base_param_files");
    setenv("OPAL_PREFIX", home, 1);
    expect((const char *const[]){NULL, "^psm,mx", "1"});
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static int without_launcher(void **state)
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

static void srun_needs_a_pmi(void **state)
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
        unsetenv(signs[i]);
    }
}

static void slurm_tells_the_tasks_of_each_node(void **state)
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

/* The process that started this one stands for the launcher. */
static void more_tasks_than_cores_are_crowded(void **state)
{
    (void)state;
    char all[16];
    sn_launch launch;
    sn_launch_read(&launch);
    assert_false(sn_launch_crowded(&launch));
    setenv("OMPI_COMM_WORLD_SIZE", "100000", 1);
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "100000", 1);
    sn_launch_read(&launch);
    assert_true(sn_launch_crowded(&launch));
    const int cores = sn_cores_in_mask();
    snprintf(all, sizeof all, "%d", cores);
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", all, 1);
    sn_launch_read(&launch);
    assert_int_equal(launch.node_tasks, cores);
    assert_int_equal(sn_launch_crowded(&launch),
                     cores > 1 && sn_cores_quota("/proc", "/sys") < cores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(srun_needs_a_pmi, without_launcher),
        cmocka_unit_test_setup(slurm_tells_the_tasks_of_each_node, without_launcher),
        cmocka_unit_test_setup(more_tasks_than_cores_are_crowded, without_launcher),
        cmocka_unit_test_setup(defaults_are_set, without_settings),
        cmocka_unit_test_setup(the_environment_wins, without_settings),
        cmocka_unit_test_setup(a_file_of_the_user_wins, without_settings),
        cmocka_unit_test_setup(exclusions_are_joined, without_settings),
        cmocka_unit_test_setup(a_file_without_settings_changes_nothing,
                               without_settings),
        cmocka_unit_test_setup(listed_files_are_read_instead, without_settings),
        cmocka_unit_test_setup(a_file_of_the_installation_wins, without_settings)};
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
