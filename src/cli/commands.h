/* The subcommands: argv[0] is the command's own name.  Results go to stdout, the reason
 * of a failure into err. */
#ifndef SHARDNET_CLI_COMMANDS_H
#define SHARDNET_CLI_COMMANDS_H

#include "shardnet/status.h"

sn_status sn_cmd_train(int argc, char **argv, sn_error *err);
sn_status sn_cmd_eval(int argc, char **argv, sn_error *err);
sn_status sn_cmd_predict(int argc, char **argv, sn_error *err);
sn_status sn_cmd_bench(int argc, char **argv, sn_error *err);
sn_status sn_cmd_inspect(int argc, char **argv, sn_error *err);
sn_status sn_cmd_verify(int argc, char **argv, sn_error *err);
sn_status sn_cmd_diff(int argc, char **argv, sn_error *err);
sn_status sn_cmd_metrics(int argc, char **argv, sn_error *err);
sn_status sn_cmd_plan(int argc, char **argv, sn_error *err);
sn_status sn_cmd_report(int argc, char **argv, sn_error *err);
sn_status sn_cmd_preview(int argc, char **argv, sn_error *err);
sn_status sn_cmd_data(int argc, char **argv, sn_error *err);

#endif
