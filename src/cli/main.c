/* shardnet: the command line. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/job.h"
#include "shardnet/comm.h"
#include "shardnet/node.h"
#include "shardnet/version.h"

typedef struct command {
    const char *name;
    sn_status (*run)(int argc, char **argv, sn_error *err);
    bool parallel; /* runs on every rank; the others run in one process of a job */
    const char *summary;
} command;

static const command commands[] = {
    {"train", sn_cmd_train, true,
     "CONFIG [--set SECTION.KEY=VALUE]... --out RUN [--resume]"},
    {"eval", sn_cmd_eval, true,
     "CHECKPOINT|RUN [--data DIR] [--split test|train|validation]"},
    {"predict", sn_cmd_predict, false, "CHECKPOINT|RUN [--as-is] IMAGE..."},
    {"bench", sn_cmd_bench, true,
     "CONFIG [--set SECTION.KEY=VALUE]... [--json] [--no-others]"},
    {"plan", sn_cmd_plan, false, "CONFIG [--ranks N]... [--set SECTION.KEY=VALUE]..."},
    {"inspect", sn_cmd_inspect, false, "FILE|RUN"},
    {"verify", sn_cmd_verify, false, "FILE|RUN"},
    {"diff", sn_cmd_diff, false, "A B"},
    {"metrics", sn_cmd_metrics, false, "RUN [--csv] [--table NAME] [--follow]"},
    {"report", sn_cmd_report, false, "RUN [-o FILE]"},
    {"data", sn_cmd_data, false, "synth DIR | fetch DIR | check DIR | preview CONFIG"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(void)
{
    printf(
        "shardnet trains multilayer perceptrons with one MPI rank per shard of every "
        "minibatch.\n\n");
    for (int i = 0; i < COMMANDS; i++) {
        printf("  shardnet %-8s %s\n", commands[i].name, commands[i].summary);
    }
    printf("\nEvery command has --help; `--` ends its options; `shardnet train "
           "--help-config` prints every key.\n"
           "train, eval and bench run under mpirun or srun; every command also runs "
           "alone.\n");
}

static sn_status dispatch(int argc, char **argv, sn_error *err)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help();
        return SN_OK;
    }
    if (strcmp(name, "--version") == 0) {
        printf("shardnet %s\n", SN_VERSION_TEXT);
        return SN_OK;
    }
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            if (!commands[i].parallel && sn_comm_launch_task() > 0) {
                return SN_OK;
            }
            return commands[i].run(argc - 1, argv + 1, err);
        }
    }
    return argc > 1 ? sn_fail(err, SN_EUSAGE,
                              "unknown command '%s'; see `shardnet --help`", name)
                    : sn_fail(err, SN_EUSAGE, "no command; see `shardnet --help`");
}

/* Threads that wait shall sleep: those of OpenMP would spin on the cores that
 * OpenBLAS's own want.  OpenMP reads its environment when it is loaded, so the program
 * starts once more; where it cannot, loops keep to one thread (sn_gemm_bears_loops).
 * bench tries more threads than its mask has cores now. */
static void choose_wait_policy(int argc, char **argv)
{
    for (int i = 0; i < COMMANDS && argc > 1; i++) {
        if (commands[i].parallel && strcmp(argv[1], commands[i].name) == 0 &&
            (sn_cores_in_mask() > 1 || commands[i].run == sn_cmd_bench) &&
            getenv("OMP_WAIT_POLICY") == NULL &&
            setenv("OMP_WAIT_POLICY", "passive", 1) == 0) {
            execv("/proc/self/exe", argv);
            unsetenv("OMP_WAIT_POLICY");
        }
    }
}

int main(int argc, char **argv)
{
    choose_wait_policy(argc, argv);
    /* a file-size limit is an error of the write, not the end of the process */
    signal(SIGXFSZ, SIG_IGN);
    sn_error err = {""};
    sn_status status = dispatch(argc, argv, &err);
    if (status == SN_OK && (fflush(stdout) != 0 || ferror(stdout))) {
        status = sn_fail(&err, SN_EIO, "cannot write to standard output");
    }
    if (status != SN_OK && err.message[0] != '\0') { /* before MPI was started */
        if (sn_comm_launch_task() <= 0) {
            sn_job_report(status, &err);
        } else {
            /* a launcher ends all when one ends: task 0 has something to say first, and
             * its own end cuts this short */
            nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
        }
    }
    return sn_status_exit_code(status);
}
