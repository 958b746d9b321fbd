#define _GNU_SOURCE /* sched_getaffinity */
#include "dist/launch/cores.h"

#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CPUS = (int)(8 * sizeof(sn_node_mask)) };
_Static_assert(sizeof(sn_node_mask) % sizeof(cpu_set_t) == 0, "sets hold a mask");

/* The system's form of a mask; one cpu_set_t would be too small for some machines. */
typedef struct cpu_sets {
    cpu_set_t set[sizeof(sn_node_mask) / sizeof(cpu_set_t)];
} cpu_sets;

void sn_cores_read_mask(sn_node_mask *mask)
{
    cpu_sets sets;
    memset(&sets, 0, sizeof sets);
    memset(mask, 0, sizeof *mask);
    if (sched_getaffinity(0, sizeof sets, sets.set) != 0) {
        mask->word[0] = 1; /* one thread is safe */
        return;
    }
    for (size_t core = 0; core < CPUS; core++) {
        if (CPU_ISSET_S(core, sizeof sets, sets.set)) {
            mask->word[core / 64] |= UINT64_C(1) << (core % 64);
        }
    }
}

int sn_cores_count_bits(uint64_t word)
{
    int bits = 0;
    for (; word != 0; word &= word - 1) {
        bits++;
    }
    return bits;
}

int sn_cores_in_mask(void)
{
    sn_node_mask mask;
    int cores = 0;
    sn_cores_read_mask(&mask);
    for (size_t w = 0; w < SN_NODE_MASK_WORDS; w++) {
        cores += sn_cores_count_bits(mask.word[w]);
    }
    return cores;
}

static int has_core(const uint64_t *masks, int words, int rank, int core)
{
    return (int)(masks[(size_t)rank * (size_t)words + (size_t)core / 64] >>
                     (core % 64) &
                 1);
}

int sn_node_share(const uint64_t *masks, int ranks, int words, int rank)
{
    double share = 0;
    for (int core = 0; core < words * 64; core++) {
        if (has_core(masks, words, rank, core)) {
            int users = 0;
            for (int other = 0; other < ranks; other++) {
                users += has_core(masks, words, other, core);
            }
            share += 1.0 / users;
        }
    }
    int threads = (int)(share + 1e-9);
    return threads > 1 ? threads : 1;
}

/* The first number of a file; false where there is none. */
static bool first_number(const char *path, long *number)
{
    FILE *file = fopen(path, "r");
    const bool found = file != NULL && fscanf(file, "%ld", number) == 1;
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

void sn_cores_merge(const char *sys, sn_node_mask *mask)
{
    sn_node_mask merged = {{0}};
    for (int cpu = 0; cpu < CPUS; cpu++) {
        if ((mask->word[cpu / 64] >> (cpu % 64) & 1) == 0) {
            continue;
        }
        char path[PATH_MAX];
        long first = cpu;
        snprintf(path, sizeof path,
                 "%s/devices/system/cpu/cpu%d/topology/thread_siblings_list", sys, cpu);
        if (!first_number(path, &first) || first < 0 || first >= CPUS) {
            first = cpu;
        }
        merged.word[first / 64] |= UINT64_C(1) << (first % 64);
    }
    *mask = merged;
}

/* The limit of one group: "max 100000" or "150000 100000" in cpu.max. */
static double limit_of(const char *group)
{
    char path[PATH_MAX + 32];
    long quota = -1, period = 100000;
    snprintf(path, sizeof path, "%s/cpu.max", group);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        quota = fscanf(file, "%ld %ld", &quota, &period) == 2 ? quota : -1;
        (void)fclose(file);
    } else {
        snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", group);
        if (first_number(path, &quota)) {
            snprintf(path, sizeof path, "%s/cpu.cfs_period_us", group);
            quota = first_number(path, &period) ? quota : -1;
        }
    }
    return quota > 0 && period > 0 ? (double)quota / (double)period : (double)INFINITY;
}

/* The least limit of a group and of those around it, up to the root. */
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
    /* NUMBER:CONTROLLERS:GROUP, without controllers for version 2 */
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
        if (second || strncmp(controllers, "cpu", 4) == 0 ||
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

/* Parent and hardware threads of a process; false where they cannot be read. */
static bool read_status(const char *proc, long pid, long *parent, int *cpus)
{
    char path[PATH_MAX], line[8192];
    bool found = false;
    snprintf(path, sizeof path, "%s/%ld/status", proc, pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "PPid:", 5) == 0) {
            *parent = strtol(line + 5, NULL, 10);
        }
        found = strncmp(line, "Cpus_allowed:", 13) == 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    *cpus = 0;
    for (const char *digit = line + 13; found && *digit != '\0'; digit++) {
        const char text[2] = {*digit, '\0'};
        for (unsigned long bits = strtoul(text, NULL, 16); bits != 0; bits >>= 1) {
            *cpus += (int)(bits & 1);
        }
    }
    return found;
}

static bool has_variable(const char *proc, long pid, const char *variable)
{
    char path[PATH_MAX];
    char *item = NULL;
    size_t room = 0;
    bool found = false;
    const size_t length = strlen(variable);
    snprintf(path, sizeof path, "%s/%ld/environ", proc, pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && !found && getdelim(&item, &room, '\0', file) > 0) {
        found = strncmp(item, variable, length) == 0 && item[length] == '=';
    }
    free(item);
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

int sn_cores_of_launcher(const char *proc, long pid, const char *variable)
{
    long parent = 0;
    int cpus = 0;
    bool found = read_status(proc, pid, &parent, &cpus);
    while (found && parent > 0) {
        pid = parent;
        parent = 0;
        found = read_status(proc, pid, &parent, &cpus);
        if (!has_variable(proc, pid, variable)) {
            return found ? cpus : 0;
        }
    }
    return 0;
}
