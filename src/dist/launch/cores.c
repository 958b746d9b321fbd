/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* sched_getaffinity */
#include "dist/launch/cores.h"

#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/system/file.h"

enum { CPUS = (int)(8 * sizeof(sn_node_mask)) };

void sn_cores_read_mask(sn_node_mask *mask)
{
    memset(mask, 0, sizeof *mask);
    /* A cpu_set_t holds 1024 processors, which is too few for some machines; the
     * system call accepts a larger array of words. */
    if (sched_getaffinity(0, sizeof *mask, (cpu_set_t *)(void *)mask) != 0) {
        mask->word[0] = 1;
    }
}

int sn_cores_count(const sn_node_mask *mask)
{
    int cores = 0;
    for (int w = 0; w < SN_NODE_MASK_WORDS; w++) {
        cores += __builtin_popcountll(mask->word[w]);
    }
    return cores;
}

static int has_core(const sn_node_mask *mask, int core)
{
    return (int)(mask->word[core / 64] >> (core % 64) & 1);
}

int sn_node_share(const sn_node_mask *masks, int ranks, int rank)
{
    double share = 0;
    for (int core = 0; core < CPUS; core++) {
        if (has_core(&masks[rank], core)) {
            int users = 0;
            for (int other = 0; other < ranks; other++) {
                users += has_core(&masks[other], core);
            }
            share += 1.0 / users;
        }
    }
    const int threads = (int)(share + 1e-9);
    return threads > 1 ? threads : 1;
}

void sn_cores_merge(const char *sys, sn_node_mask *mask)
{
    sn_node_mask merged = {{0}};
    for (int cpu = 0; cpu < CPUS; cpu++) {
        if (!has_core(mask, cpu)) {
            continue;
        }
        char path[PATH_MAX];
        long long first = cpu;
        snprintf(path, sizeof path,
                 "%s/devices/system/cpu/cpu%d/topology/thread_siblings_list", sys, cpu);
        if (sn_file_numbers(path, &first, 1) == 0 || first < 0 || first >= CPUS) {
            first = cpu;
        }
        merged.word[first / 64] |= UINT64_C(1) << (first % 64);
    }
    *mask = merged;
}

/* Returns the limit of one group, in processors.  cpu.max holds QUOTA PERIOD, such as
 * "max 100000" or "150000 100000". */
static double limit_of(const char *group)
{
    char path[PATH_MAX + 32];
    long long limit[2] = {-1, -1}; /* quota and period */
    snprintf(path, sizeof path, "%s/cpu.max", group);
    if (sn_file_numbers(path, limit, 2) < 2 && !sn_file_exists(path)) {
        snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", group);
        (void)sn_file_numbers(path, &limit[0], 1);
        snprintf(path, sizeof path, "%s/cpu.cfs_period_us", group);
        (void)sn_file_numbers(path, &limit[1], 1);
    }
    return limit[0] > 0 && limit[1] > 0 ? (double)limit[0] / (double)limit[1]
                                        : (double)INFINITY;
}

/* Returns the least limit of a group and of its parents, up to the root. */
static double least_limit(const char *root, const char *group)
{
    char path[PATH_MAX];
    double least = INFINITY;
    const int length = snprintf(path, sizeof path, "%s%s", root, group);
    const size_t shortest = strlen(root);
    if (length < 0 || (size_t)length >= sizeof path) {
        return least;
    }
    for (char *end = path + length; end != NULL && end >= path + shortest;
         end = strrchr(path, '/')) {
        *end = '\0';
        least = fmin(least, limit_of(path));
    }
    return least;
}

double sn_cores_quota(const char *proc, const char *sys)
{
    char path[PATH_MAX], root[PATH_MAX], line[PATH_MAX];
    double least = INFINITY;
    snprintf(path, sizeof path, "%s/self/cgroup", proc);
    FILE *file = fopen(path, "r");
    /* Each line is NUMBER:CONTROLLERS:GROUP; version 2 names no controllers. */
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *controllers = strchr(line, ':');
        char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (group == NULL) {
            continue;
        }
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        controllers++;
        const bool second = *controllers == '\0';
        if (second || strcmp(controllers, "cpu") == 0 ||
            strncmp(controllers, "cpu,", 4) == 0 ||
            strcmp(controllers, "cpuacct,cpu") == 0) {
            snprintf(root, sizeof root, "%s/fs/cgroup%s", sys, second ? "" : "/cpu");
            least =
                fmin(least, least_limit(root, strcmp(group, "/") == 0 ? "" : group));
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return least;
}

/* Returns the first item of a file of process pid that begins with prefix, NULL if
 * there is none; end is the last byte of each item.  The caller frees the item. */
static char *find_item(const char *proc, long pid, const char *name, int end,
                       const char *prefix)
{
    char path[PATH_MAX], *item = NULL;
    size_t room = 0;
    bool found = false;
    snprintf(path, sizeof path, "%s/%ld/%s", proc, pid, name);
    FILE *file = fopen(path, "r");
    while (file != NULL && !found && getdelim(&item, &room, end, file) > 0) {
        found = strncmp(item, prefix, strlen(prefix)) == 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    if (!found) {
        free(item);
        item = NULL;
    }
    return item;
}

static long find_parent(const char *proc, long pid)
{
    char *item = find_item(proc, pid, "status", '\n', "PPid:");
    const long parent = item == NULL ? 0 : strtol(item + 5, NULL, 10);
    free(item);
    return parent;
}

static int count_cpus(const char *proc, long pid)
{
    char *item = find_item(proc, pid, "status", '\n', "Cpus_allowed:");
    int cpus = 0;
    for (size_t i = strlen("Cpus_allowed:"); item != NULL && item[i] != '\0'; i++) {
        const char text[2] = {item[i], '\0'};
        cpus += __builtin_popcountl(strtoul(text, NULL, 16));
    }
    free(item);
    return cpus;
}

int sn_cores_of_launcher(const char *proc, long pid, const char *variable)
{
    char assignment[64];
    snprintf(assignment, sizeof assignment, "%s=", variable);
    while ((pid = find_parent(proc, pid)) > 0) {
        char *item = find_item(proc, pid, "environ", '\0', assignment);
        if (item == NULL) {
            return count_cpus(proc, pid);
        }
        free(item);
    }
    return 0;
}
