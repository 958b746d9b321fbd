/* SPDX-License-Identifier: BSD-3-Clause */
/** The commands (internal to cli).  A command prints its results to stdout and writes
 *  the reason of a failure into err. */
#ifndef SHARDNET_CLI_COMMANDS_H
#define SHARDNET_CLI_COMMANDS_H

#include "cli/options.h"

/** The program: the group of all commands. */
extern const sn_command sn_program;

extern const sn_command sn_command_train, sn_command_eval, sn_command_predict,
    sn_command_bench, sn_command_plan, sn_command_inspect, sn_command_verify,
    sn_command_diff, sn_command_metrics, sn_command_report, sn_command_data,
    sn_command_preview, sn_command_status, sn_command_export, sn_command_compare;

#endif
