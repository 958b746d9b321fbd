/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/commands.h"
#include "shardnet/version.h"

static void print_version(FILE *out)
{
    fprintf(out, "shardnet %s\n", sn_version());
}

const sn_command sn_program = {
    .name = "",
    .summary = "distributed data-parallel neural-network trainer",
    .text =
        "shardnet trains multilayer perceptrons on images with MPI: each rank computes "
        "the gradient of its shard of every minibatch.\n\n"
        "`shardnet help COMMAND` or `shardnet COMMAND --help` explains a command; `--` "
        "ends the options. A value in parentheses is the default. `shardnet train "
        "--help-config` prints every configuration key.\n\n"
        "train, eval and bench run alone or as one MPI job under mpirun or srun. The "
        "other commands do not use MPI: each task of a job runs the command on its "
        "own, but data and export run in the first task only.",
    .commands = {&sn_command_train, &sn_command_eval, &sn_command_predict,
                 &sn_command_bench, &sn_command_plan, &sn_command_inspect,
                 &sn_command_verify, &sn_command_diff, &sn_command_metrics,
                 &sn_command_report, &sn_command_compare, &sn_command_status,
                 &sn_command_export, &sn_command_data},
    .options = {
        {SN_PRINT("version", print_version, "print the version"), .letter = 'V'}}};
