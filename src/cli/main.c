/* shardnet: the command line. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/job.h"
#include "dist/comm/comm.h"
#include "shardnet/version.h"

/* What the tasks of one job do. */
typedef enum tasks {
    TOGETHER, /* ranks of MPI */
    EACH,     /* each its own command, which may be another one in each */
    FIRST     /* the first alone: all would write the same files */
} tasks;

typedef struct command {
    const char *name;
    sn_status (*run)(int argc, char **argv, sn_error *err);
    tasks tasks;
    const char *summary;
} command;

static const command commands[] = {
    {"train", sn_cmd_train, TOGETHER,
     "CONFIG [--set SECTION.KEY=VALUE]... --out RUN [--resume]"},
    {"eval", sn_cmd_eval, TOGETHER,
     "CHECKPOINT|RUN [--data DIR] [--split test|train|validation]"},
    {"predict", sn_cmd_predict, EACH, "CHECKPOINT|RUN [--as-is] IMAGE..."},
    {"bench", sn_cmd_bench, TOGETHER, "CONFIG [--set SECTION.KEY=VALUE]... [--json]"},
    {"plan", sn_cmd_plan, EACH, "CONFIG [--ranks N]... [--set SECTION.KEY=VALUE]..."},
    {"inspect", sn_cmd_inspect, EACH, "FILE|RUN"},
    {"verify", sn_cmd_verify, EACH, "FILE|RUN"},
    {"diff", sn_cmd_diff, EACH, "A B"},
    {"metrics", sn_cmd_metrics, EACH, "RUN [--csv] [--table NAME] [--follow]"},
    {"report", sn_cmd_report, EACH, "RUN [-o FILE]"},
    {"data", sn_cmd_data, FIRST, "synth DIR | fetch DIR | check DIR | preview CONFIG"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

/* NULL where the command line names none. */
static const command *find_command(int argc, char **argv)
{
    for (int i = 0; i < COMMANDS && argc > 1; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static void print_help(void)
{
    printf(
        "shardnet trains multilayer perceptrons with one MPI rank per shard of every "
        "minibatch.\n\n");
    for (int i = 0; i < COMMANDS; i++) {
        printf("  shardnet %-8s %s\n", commands[i].name, commands[i].summary);
    }
    printf(
        "\nEvery command has --help; `--` ends its options; `shardnet train "
        "--help-config` prints every key.\n"
        "train, eval and bench run under mpirun or srun; every command also runs "
        "alone.\nOf the others, each task of a job runs its own; data is left to the "
        "first.\n");
}

static sn_status dispatch(const command *chosen, int argc, char **argv, sn_error *err)
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
    if (chosen != NULL && chosen->tasks == FIRST && sn_comm_launch_task() > 0) {
        fprintf(stderr, "shardnet: %s is left to the first task of the job\n", name);
        return SN_OK;
    }
    if (chosen != NULL) {
        return chosen->run(argc - 1, argv + 1, err);
    }
    return argc > 1 ? sn_fail(err, SN_EUSAGE,
                              "unknown command '%s'; see `shardnet --help`", name)
                    : sn_fail(err, SN_EUSAGE, "no command; see `shardnet --help`");
}

/* Tasks make the same mistake in a command line, and those of one command that they run
 * together have the same failure before MPI starts; what they do each for themselves
 * may fail in one alone. */
static void report(const command *chosen, sn_status status, const sn_error *err)
{
    const bool own = chosen != NULL && chosen->tasks == EACH && status != SN_EUSAGE;
    if (own || sn_comm_launch_task() <= 0) {
        sn_job_report(status, err);
    } else {
        /* a launcher ends all when one ends: task 0 has something to say first, and
         * its own end cuts this short */
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    }
}

int main(int argc, char **argv)
{
    const command *chosen = find_command(argc, argv);
    /* a file-size limit is an error of the write, not the end of the process */
    signal(SIGXFSZ, SIG_IGN);
    sn_error err = {""};
    sn_status status = dispatch(chosen, argc, argv, &err);
    if (status == SN_OK && (fflush(stdout) != 0 || ferror(stdout))) {
        status = sn_fail(&err, SN_EIO, "cannot write to standard output");
    }
    if (status != SN_OK && err.message[0] != '\0') { /* before MPI was started */
        report(chosen, status, &err);
    }
    return sn_status_exit_code(status);
}
