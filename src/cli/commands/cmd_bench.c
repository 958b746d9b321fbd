/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/job.h"
#include "perf/bench.h"

typedef struct arguments {
    const char *config;
    sn_list set;
    double seconds;
    uint64_t repeats;
    bool json;
    bool no_others; /* ignored */
} arguments;

static sn_status body(sn_comm *comm, const void *user, sn_error *err)
{
    const arguments *given = user;
    sn_config *config;
    sn_status status =
        sn_job_config(given->config, &given->set, sn_config_check, &config, err);
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        const sn_bench_options chosen = {.seconds = given->seconds,
                                         .repeats = (int)given->repeats,
                                         .json = given->json};
        status = sn_bench(comm, config, &chosen, stdout, err);
    }
    sn_config_destroy(&config);
    return status;
}

static sn_status run(const void *given, sn_error *err)
{
    return sn_job_run(body, given, err);
}

const sn_command sn_command_bench = {
    .name = "bench",
    .summary = "measure the time of each part of a training step",
    .text =
        "Runs the training steps of CONFIG, alone or under mpirun, and prints the time "
        "of each part of a step beside limits of the machine, measured in the same "
        "run. Writes no file.",
    .operands = {{SN_OPERAND_CONFIG}},
    .options =
        {{SN_OPTION_SET},
         {SN_FLAG("json", json, "print one JSON object instead of tables")},
         {SN_REAL(
             "seconds", "S", 0.001, 3600, seconds,
             "seconds of training steps per repeat (0.5); measuring the limits takes "
             "about as long")},
         {SN_INTEGER("repeats", "N", 1, 10000, repeats,
                     "number of repeats after the warm-up (5)")},
         {SN_FLAG("no-others", no_others,
                  "accepted for compatibility; has no effect")}},
    .tasks = SN_TASKS_TOGETHER,
    .bytes = sizeof(arguments),
    .defaults = &(const arguments){.seconds = 0.5, .repeats = 5},
    .run = run};
