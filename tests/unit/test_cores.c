/* SPDX-License-Identifier: BSD-3-Clause */
/* Detection of cores, tested with copies of the files in /proc and /sys. */
#include "support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dist/launch/cores.h"

static char root[64];

/* Runs a command that creates or removes files. */
static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    assert_in_range(length, 0, (int)sizeof command - 1);
    assert_int_equal(system(command), 0);
}

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/test_cores.XXXXXX");
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    (void)state;
    shell("rm -r %s", root);
    return 0;
}

static void hardware_threads_of_a_core_count_once(void **state)
{
    (void)state;
    static const char *const siblings[] = {"0,64", "1,65", "2-3", "2-3"};
    static const int cpus[] = {0, 1, 2, 3, 64, 65};
    for (size_t i = 0; i < sizeof cpus / sizeof cpus[0]; i++) {
        shell("d=%s/devices/system/cpu/cpu%d/topology; mkdir -p $d; echo %s "
              ">$d/thread_siblings_list",
              root, cpus[i], siblings[cpus[i] % 64]);
    }
    sn_node_mask mask = {{0x0F, 3}};
    sn_cores_merge(root, &mask);
    assert_int_equal(mask.word[0], 0x07);
    assert_int_equal(mask.word[1], 0);
    mask = (sn_node_mask){{0x08, 2}}; /* one thread of each of two cores */
    sn_cores_merge(root, &mask);
    assert_int_equal(mask.word[0], 0x06);
    assert_int_equal(mask.word[1], 0);
    mask = (sn_node_mask){{0x30, 0}}; /* CPUs without topology files */
    sn_cores_merge(root, &mask);
    assert_int_equal(mask.word[0], 0x30);
}

static void the_smallest_quota_of_all_groups_applies(void **state)
{
    (void)state;
    assert_true(isinf(sn_cores_quota(root, root)));
    shell("cd %s; mkdir -p self fs/cgroup/a/b/c; echo 0::/a/b/c >self/cgroup", root);
    assert_true(isinf(sn_cores_quota(root, root)));
    shell("cd %s/fs/cgroup/a; echo 250000 100000 >cpu.max; echo max 100000 >b/cpu.max; "
          "echo 800000 100000 >b/c/cpu.max",
          root);
    assert_true(sn_cores_quota(root, root) == 2.5);
    shell("cd %s; echo 0::/ >self/cgroup", root);
    assert_true(isinf(sn_cores_quota(root, root)));
    shell("cd %s; echo 50000 100000 >fs/cgroup/cpu.max", root);
    assert_true(sn_cores_quota(root, root) == 0.5);
}

static void a_quota_of_cgroup_version_1_applies(void **state)
{
    (void)state;
    shell("cd %s; mkdir -p self fs/cgroup/cpu/docker/x; "
          "printf '7:cpuset:/\\n4:cpu,cpuacct:/docker/x\\n0::/\\n' >self/cgroup",
          root);
    shell("cd %s/fs/cgroup/cpu; echo -1 >docker/x/cpu.cfs_quota_us; echo 150000 "
          ">cpu.cfs_quota_us; echo 100000 >cpu.cfs_period_us",
          root);
    assert_true(sn_cores_quota(root, root) == 1.5);
}

static void process(long pid, long parent, const char *cpus, const char *environment)
{
    shell(
        "mkdir %s/%ld; cd %s/%ld; printf 'Name:\\tx\\nPPid:\\t%ld\\nCpus_allowed:\\t%s"
        "\\n' >status; printf '%s' >environ",
        root, pid, root, pid, parent, cpus, environment);
}

static void the_cores_of_the_launcher_are_found(void **state)
{
    (void)state;
    process(1, 0, "ffffffff,ffffffff", "");
    process(10, 1, "0000000f,f0000000", "HOME=/\\0XTASKS=3\\0"); /* the launcher */
    process(11, 10, "00000001,00000000", "A=1\\0TASKS=2\\0");    /* a shell */
    process(12, 11, "00000001,00000000", "TASKS=2\\0");          /* a rank */
    process(13, 99, "1", "");
    assert_int_equal(sn_cores_of_launcher(root, 12, "TASKS"), 8);
    assert_int_equal(sn_cores_of_launcher(root, 11, "TASKS"), 8);
    assert_int_equal(sn_cores_of_launcher(root, 10, "TASKS"), 64);
    assert_int_equal(sn_cores_of_launcher(root, 13, "TASKS"), 0);
    assert_int_equal(sn_cores_of_launcher(root, 14, "TASKS"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hardware_threads_of_a_core_count_once,
                                        make_root, remove_root),
        cmocka_unit_test_setup_teardown(the_smallest_quota_of_all_groups_applies,
                                        make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_quota_of_cgroup_version_1_applies, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(the_cores_of_the_launcher_are_found, make_root,
                                        remove_root)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
