#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/job.h"
#include "perf/bench.h"

typedef struct bench_arguments {
    const char *config_path;
    const char **assignments; /* --set, in order */
    size_t assignment_count;
    double seconds;
    int repeats;
    bool json;
} bench_arguments;

static void print_help(void)
{
    printf(
        "usage: shardnet bench CONFIG [--set SECTION.KEY=VALUE]... [--json]\n"
        "                      [--seconds S] [--repeats N]\n\n"
        "Runs the training steps of CONFIG, alone or under mpirun, and writes no "
        "file: the\ntime of each part of a step, against limits measured in the same "
        "run.\n\n"
        "  --json        one JSON object on stdout instead of tables\n"
        "  --seconds S   of steps in a repeat (0.5); the limits add about as much\n"
        "  --repeats N   repeats after the warm-up (5)\n"
        "  --no-others   accepted for compatibility; has no effect\n");
}

/* The number that value spells, in [least, most]. */
static sn_status parse_number(const char *option, const char *value, double least,
                              double most, double *number, sn_error *err)
{
    char *end;
    *number = strtod(value, &end);
    if (end == value || *end != '\0' || !(*number >= least && *number <= most)) {
        return sn_fail(err, SN_EUSAGE,
                       "option %s: '%.80s' is no number in [%g, %g]; see `shardnet "
                       "bench --help`",
                       option, value, least, most);
    }
    return SN_OK;
}

static sn_status parse_option(int argc, char **argv, int *i, void *user, sn_error *err)
{
    bench_arguments *arguments = user;
    const char *option = argv[*i], *value = "";
    if (strcmp(option, "--json") == 0) {
        arguments->json = true;
        return SN_OK;
    }
    if (strcmp(option, "--no-others") == 0) {
        return SN_OK; /* accepted for compatibility */
    }
    const bool known = strcmp(option, "--set") == 0 ||
                       strcmp(option, "--seconds") == 0 ||
                       strcmp(option, "--repeats") == 0;
    sn_status status =
        known ? sn_job_value(argc, argv, i, &value, err)
              : sn_fail(err, SN_EUSAGE,
                        "unknown option '%s'; see `shardnet bench --help`", option);
    if (status != SN_OK) {
        return status;
    }
    if (strcmp(option, "--set") == 0) {
        arguments->assignments[arguments->assignment_count++] = value;
        return SN_OK;
    }
    if (strcmp(option, "--seconds") == 0) {
        return parse_number(option, value, 0.001, 3600, &arguments->seconds, err);
    }
    double repeats;
    status = parse_number(option, value, 1, 10000, &repeats, err);
    if (status == SN_OK && repeats != floor(repeats)) {
        status = sn_fail(err, SN_EUSAGE,
                         "option --repeats: '%.80s' is no whole number; see `shardnet "
                         "bench --help`",
                         value);
    }
    arguments->repeats = status == SN_OK ? (int)repeats : 0;
    return status;
}

static sn_status body(sn_comm *comm, void *user, sn_error *err)
{
    const bench_arguments *arguments = user;
    sn_config *config = malloc(sizeof *config);
    sn_status status =
        config == NULL ? sn_fail(err, SN_ENOMEM, "out of memory")
                       : sn_job_config(arguments->config_path, arguments->assignments,
                                       arguments->assignment_count, config, err);
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        const sn_bench_options options = {.seconds = arguments->seconds,
                                          .repeats = arguments->repeats,
                                          .header = arguments->json ? NULL : stdout};
        sn_bench_result result;
        status = sn_bench(comm, config, &options, &result, err);
        if (status == SN_OK && sn_comm_rank(comm) == 0) {
            (arguments->json ? sn_bench_print_json : sn_bench_print)(stdout, &result);
        }
    }
    free(config);
    return status;
}

sn_status sn_cmd_bench(int argc, char **argv, sn_error *err)
{
    if (sn_job_asks_for_help(argc, argv)) {
        if (sn_comm_launch_task() <= 0) {
            print_help();
        }
        return SN_OK;
    }
    bench_arguments arguments = {
        .assignments = calloc((size_t)argc, sizeof *arguments.assignments),
        .seconds = 0.5,
        .repeats = 5};
    if (arguments.assignments == NULL) {
        return sn_fail(err, SN_ENOMEM, "out of memory");
    }
    sn_status status =
        sn_job_parse(argc, argv, parse_option, &arguments, &arguments.config_path, err);
    if (status == SN_OK) {
        status = sn_job_run(&argc, &argv, body, &arguments, err);
    }
    free(arguments.assignments);
    return status;
}
