/* SPDX-License-Identifier: BSD-3-Clause */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/system/file.h"
#include "base/system/stop.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "config/config.h"
#include "dist/comm/comm.h"
#include "shardnet/train.h"

typedef struct arguments {
    const char *config, *run, *resume;
    sn_list set;
    bool quiet;
    const char *trace;
    uint64_t trace_steps;
} arguments;

/* Rejects a folder.  Only rank 0 reads the checkpoint and calls this function. */
static sn_status check_resume(const sn_train_options *chosen, sn_error *err)
{
    const char *path = chosen->resume_path;
    return chosen->resume == SN_RESUME_PATH && sn_is_folder(path)
               ? sn_fail(
                     err, SN_ENOINPUT,
                     "resume (%s): a folder, not a checkpoint file; to continue the "
                     "run in this folder, give --out %s --resume",
                     path, path)
               : SN_OK;
}

static sn_status body(sn_comm *comm, const void *user, sn_error *err)
{
    const arguments *given = user;
    const sn_train_options chosen = {
        .run = given->run,
        .resume = strcmp(given->resume, "auto") == 0    ? SN_RESUME_AUTO
                  : strcmp(given->resume, "never") == 0 ? SN_RESUME_NEVER
                                                        : SN_RESUME_PATH,
        .resume_path = given->resume,
        .out = stdout,
        .warnings = stderr,
        .quiet = given->quiet,
        .handle_signals = true,
        .on_hang = sn_job_hang,
        .trace = given->trace,
        .trace_steps = (int64_t)given->trace_steps};
    sn_config *config;
    sn_status status =
        sn_job_config(given->config, &given->set, sn_config_check, &config, err);
    if (status == SN_OK && sn_comm_rank(comm) == 0) {
        status = check_resume(&chosen, err);
    }
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        sn_train_result result;
        status = sn_train(comm, config, &chosen, &result, err);
    }
    sn_stop_finish(sn_status_exit_code(status));
    sn_config_destroy(&config);
    return status;
}

static const char message[] = "\nshardnet: stopped at once on a second Ctrl-C: no "
                              "checkpoint of this step; continue with --resume\n";

static sn_status run(const void *given, sn_error *err)
{
    /* on a terminal the message begins on a new line, after "^C" */
    const char *text = message + (isatty(STDERR_FILENO) ? 0 : 1);
    /* a stop request may arrive while a large job starts, which takes long */
    sn_stop_watch(sn_comm_launch_task() <= 0 ? text : NULL);
    (void)signal(SIGPIPE,
                 SIG_IGN); /* training continues if the reader of its log ends */
    /* the watch lasts as long as the process: a signal after the work is done must not
     * replace the exit code */
    return sn_job_run(body, given, err);
}

const sn_command sn_command_train = {
    .name = "train",
    .summary = "train a network or resume a run; alone or under mpirun",
    .text =
        "Trains the network of CONFIG, alone or under mpirun, and writes all results "
        "to the folder RUN.\n\n"
        "Exit codes: 0 done; 75 stopped early, run again with --resume; 76 diverged; "
        "78 configuration error; 65, 66 input error; 73, 74 output error.",
    .operands = {{SN_OPERAND_CONFIG}},
    .options =
        {{SN_TEXT("out", "RUN", run,
                  "folder of the run, for config.ini, metrics.h5 and checkpoints/"),
          .required = true},
         {SN_OPTION_SET},
         {SN_TEXT(
              "resume", "auto|never|PATH", resume,
              "auto, or no value: resume from the newest valid checkpoint in RUN, if "
              "any, else start; PATH: resume from this checkpoint; never (the "
              "default): refuse a RUN that holds checkpoints"),
          .implied = "auto"},
         {SN_FLAG("quiet", quiet, "print only the result")},
         {SN_TEXT("trace", "FILE", trace,
                  "write the times of the first steps on every rank as a trace for "
                  "ui.perfetto.dev or chrome://tracing (JSON)")},
         {SN_INTEGER("trace-steps", "N", 1, 1000000, trace_steps,
                     "number of steps in the trace (200)")},
         {SN_PRINT("help-config", sn_config_help,
                   "print every configuration key with its default and range")}},
    .tasks = SN_TASKS_TOGETHER,
    .bytes = sizeof(arguments),
    .defaults = &(const arguments){.resume = "never", .trace_steps = 200},
    .run = run};
