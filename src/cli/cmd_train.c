#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/stop.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "config/config.h"
#include "dist/comm/comm.h"
#include "shardnet/train.h"

typedef struct train_arguments {
    const char *config_path;
    const char **assignments; /* --set, in order */
    size_t assignment_count;
    sn_train_options options;
} train_arguments;

static void print_help(void)
{
    printf("usage: shardnet train CONFIG [--set SECTION.KEY=VALUE]... --out RUN\n"
           "                      [--resume[=auto|never|PATH]] [--quiet]\n\n"
           "  CONFIG               an INI file; --help-config prints every key\n"
           "  --set S.K=VALUE      overrides one key; may be given often\n"
           "  --out RUN            folder of the run: config.ini, metrics.h5, "
           "checkpoints/\n"
           "  --resume[=auto]      continue from the newest good checkpoint in RUN, or "
           "start\n"
           "  --resume=PATH        continue from this checkpoint\n"
           "  --resume=never       refuse a RUN that holds a checkpoint (the default)\n"
           "  --quiet              print the result only\n\n"
           "Exit codes: 0 done, 75 stopped early with a checkpoint (run again with "
           "--resume),\n"
           "76 diverged, 78 configuration, 65/66 input, 73/74 output.\n");
}

static sn_status parse_resume(const char *value, sn_train_options *options,
                              sn_error *err)
{
    options->resume_path = NULL;
    if (strcmp(value, "auto") == 0) {
        options->resume = SN_RESUME_AUTO;
    } else if (strcmp(value, "never") == 0) {
        options->resume = SN_RESUME_NEVER;
    } else if (*value != '\0') {
        options->resume = SN_RESUME_PATH;
        options->resume_path = value;
    } else {
        return sn_fail(err, SN_EUSAGE,
                       "--resume= needs auto, never or a path; see "
                       "`shardnet train --help`");
    }
    return SN_OK;
}

static sn_status parse_option(int argc, char **argv, int *i, void *user, sn_error *err)
{
    train_arguments *arguments = user;
    const char *option = argv[*i];
    if (strcmp(option, "--set") == 0) {
        return sn_job_value(
            argc, argv, i, &arguments->assignments[arguments->assignment_count++], err);
    }
    if (strcmp(option, "--out") == 0) {
        return sn_job_value(argc, argv, i, &arguments->options.run, err);
    }
    if (strcmp(option, "--resume") == 0) {
        return parse_resume("auto", &arguments->options, err);
    }
    if (strncmp(option, "--resume=", 9) == 0) {
        return parse_resume(option + 9, &arguments->options, err);
    }
    if (strcmp(option, "--quiet") == 0) {
        arguments->options.quiet = true;
        return SN_OK;
    }
    return sn_fail(err, SN_EUSAGE, "unknown option '%s'; see `shardnet train --help`",
                   option);
}

static sn_status parse(int argc, char **argv, train_arguments *arguments, sn_error *err)
{
    sn_status status =
        sn_job_parse(argc, argv, parse_option, arguments, &arguments->config_path, err);
    if (status == SN_OK &&
        (arguments->options.run == NULL || *arguments->options.run == '\0')) {
        status =
            sn_fail(err, SN_EUSAGE, "no --out RUN given; see `shardnet train --help`");
    }
    return status;
}

/* Rank 0, which reads the checkpoint. */
static sn_status check_resume(const sn_train_options *options, sn_error *err)
{
    const char *path = options->resume_path;
    return options->resume == SN_RESUME_PATH && sn_is_folder(path)
               ? sn_fail(err, SN_ENOINPUT,
                         "resume (%s): a folder, not a checkpoint file; to continue a "
                         "run in its own folder give --out %s --resume",
                         path, path)
               : SN_OK;
}

static sn_status body(sn_comm *comm, void *user, sn_error *err)
{
    const train_arguments *arguments = user;
    sn_config *config = malloc(sizeof *config);
    sn_status status =
        config == NULL ? sn_fail(err, SN_ENOMEM, "out of memory")
                       : sn_job_config(arguments->config_path, arguments->assignments,
                                       arguments->assignment_count, config, err);
    if (status == SN_OK && sn_comm_rank(comm) == 0) {
        status = check_resume(&arguments->options, err);
    }
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        sn_train_result result;
        status = sn_train(comm, config, &arguments->options, &result, err);
    }
    sn_stop_conclude(sn_status_exit_code(status));
    free(config);
    return status;
}

static const char last_words[] = "shardnet: stopped at once on a second request: no "
                                 "checkpoint of this step; continue with --resume\n";

sn_status sn_cmd_train(int argc, char **argv, sn_error *err)
{
    if (sn_job_asks_for_help(argc, argv)) {
        if (sn_comm_launch_task() <= 0) {
            print_help();
        }
        return SN_OK;
    }
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help-config") == 0) {
            if (sn_comm_launch_task() <= 0) {
                sn_config_help(stdout);
            }
            return SN_OK;
        }
    }
    train_arguments arguments = {
        .assignments = calloc((size_t)argc, sizeof *arguments.assignments),
        .options = {.out = stdout,
                    .warnings = stderr,
                    .handle_signals = true,
                    .on_hang = sn_job_hang}};
    if (arguments.assignments == NULL) {
        return sn_fail(err, SN_ENOMEM, "out of memory");
    }
    sn_status status = parse(argc, argv, &arguments, err);
    if (status == SN_OK) {
        /* from here on: a large job takes long to start, and may be asked to stop then
         */
        sn_stop_watch(sn_comm_launch_task() <= 0 ? last_words : NULL);
        signal(SIGPIPE, SIG_IGN); /* a reader of the log that ends must not end this */
        status = sn_job_run(&argc, &argv, body, &arguments, err);
        sn_stop_unwatch();
    }
    free(arguments.assignments);
    return status;
}
