#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/job.h"
#include "cli/print/plan.h"

#define SEE_HELP "see `shardnet plan --help`"

enum { COLUMNS_MAX = 12, RANKS_MAX = 1000000 };

static const char help_text[] =
    "usage: shardnet plan CONFIG [--ranks N]... [--set SECTION.KEY=VALUE]...\n"
    "                     [--ranks-per-node N] [--threads N] [--gflops R]\n"
    "                     [--memory-gbyte R] [--latency-us T] [--bandwidth-gbit R]\n"
    "\n"
    "What training would take on N ranks: memory, message, operations, and the time of "
    "a\n"
    "step by a model.  Runs no training and needs no data: where the files are not "
    "found\n"
    "it counts with 60000 + 10000 images of 28 x 28 in ten classes.\n"
    "  --ranks N            up to 12 times; 1, 2, 4 and 8 unless given\n"
    "  --ranks-per-node N   all on one node unless given\n"
    "  --threads N          of a rank; compute.threads, or 1 where that is auto\n"
    "  --gflops R           of a rank's products with all that the network does "
    "between\n"
    "                       them; else measured here, on slices of the size they will "
    "have\n"
    "  --memory-gbyte R     GB/s of memory traffic of a rank; else a = b + s c, "
    "measured\n"
    "                       here on large arrays and, for updates, of the model's "
    "size\n"
    "  --latency-us T       of a message between nodes (2)\n"
    "  --bandwidth-gbit R   between nodes (100)\n"
    "\n"
    "Time of a step = operations of the largest slice / rate + (5 bytes a pixel of "
    "the\n"
    "slice + 20 bytes a parameter) / memory + 2 ceil(log2 p) latency + 2 (p - 1) / p\n"
    "message / bandwidth, on one node with 1 us and a third of the memory's rate.  "
    "With\n"
    "comm.reduce = overlap the sum hides behind the backward pass.  Not in it: "
    "distortions,\n"
    "ranks that share a memory or wait, checkpoints, evaluation.  `shardnet bench` "
    "measures.\n";

typedef struct plan_arguments {
    const char *config_path;
    const char **assignments; /* --set, in order */
    size_t assignment_count;
    int ranks[COLUMNS_MAX];
    size_t count;
    double node_ranks, threads; /* 0 = not given */
    double gflops, memory_gbyte, latency_us, bandwidth_gbit;
} plan_arguments;

/* An option with a number: where it goes, and what it may be. */
typedef struct number_option {
    const char *name;
    double *number;
    double least, most;
    bool whole;
} number_option;

static sn_status parse_number(const number_option *option, const char *value,
                              sn_error *err)
{
    char *end;
    const double number = strtod(value, &end);
    if (end == value || *end != '\0' ||
        !(number >= option->least && number <= option->most) ||
        (option->whole && number != floor(number))) {
        return sn_fail(err, SN_EUSAGE,
                       "option %s: '%.80s' is no %s in [%g, %g]; " SEE_HELP,
                       option->name, value, option->whole ? "whole number" : "number",
                       option->least, option->most);
    }
    *option->number = number;
    return SN_OK;
}

static sn_status add_ranks(plan_arguments *arguments, double ranks, sn_error *err)
{
    if (arguments->count == COLUMNS_MAX) {
        return sn_fail(err, SN_EUSAGE, "option --ranks: more than %d; " SEE_HELP,
                       COLUMNS_MAX);
    }
    arguments->ranks[arguments->count++] = (int)ranks;
    return SN_OK;
}

static sn_status parse_option(int argc, char **argv, int *i, void *user, sn_error *err)
{
    plan_arguments *arguments = user;
    double ranks = 0;
    const number_option options[] = {
        {"--ranks", &ranks, 1, RANKS_MAX, true},
        {"--ranks-per-node", &arguments->node_ranks, 1, RANKS_MAX, true},
        {"--threads", &arguments->threads, 1, 1024, true},
        {"--gflops", &arguments->gflops, 1e-3, 1e9, false},
        {"--memory-gbyte", &arguments->memory_gbyte, 1e-3, 1e6, false},
        {"--latency-us", &arguments->latency_us, 0, 1e6, false},
        {"--bandwidth-gbit", &arguments->bandwidth_gbit, 1e-3, 1e6, false},
    };
    const char *option = argv[*i], *value = "";
    if (strcmp(option, "--set") == 0) {
        return sn_job_value(
            argc, argv, i, &arguments->assignments[arguments->assignment_count++], err);
    }
    for (size_t o = 0; o < sizeof options / sizeof options[0]; o++) {
        if (strcmp(option, options[o].name) == 0) {
            sn_status status = sn_job_value(argc, argv, i, &value, err);
            if (status == SN_OK) {
                status = parse_number(&options[o], value, err);
            }
            return status == SN_OK && o == 0 ? add_ranks(arguments, ranks, err)
                                             : status;
        }
    }
    return sn_fail(err, SN_EUSAGE, "unknown option (%s); " SEE_HELP, option);
}

static sn_status parse(int argc, char **argv, plan_arguments *arguments, sn_error *err)
{
    static const int usual[] = {1, 2, 4, 8};
    sn_status status =
        sn_job_parse(argc, argv, parse_option, arguments, &arguments->config_path, err);
    if (status == SN_OK && arguments->count == 0) {
        memcpy(arguments->ranks, usual, sizeof usual);
        arguments->count = sizeof usual / sizeof usual[0];
    }
    return status;
}

static sn_status make_column(const sn_plan_base *base, const plan_arguments *arguments,
                             size_t index, sn_plan_column *columns, sn_error *err)
{
    static const double bytes_a_gbit = 1e9 / 8;
    sn_plan_column *column = &columns[index];
    const int ranks = arguments->ranks[index];
    const int node_ranks =
        arguments->node_ranks > 0 ? (int)arguments->node_ranks : ranks;
    const int64_t threads = base->config.compute_threads;
    *column = (sn_plan_column){
        .rates = {.threads = arguments->threads > 0 ? (int)arguments->threads
                             : threads > 0          ? (int)threads
                                                    : 1,
                  .flops_per_second = 1e9 * arguments->gflops,
                  .memory_per_second = index > 0 ? columns[0].rates.memory_per_second
                                                 : 1e9 * arguments->memory_gbyte,
                  .update_per_second = index > 0 ? columns[0].rates.update_per_second
                                                 : 1e9 * arguments->memory_gbyte,
                  .latency_seconds = 1e-6 * arguments->latency_us,
                  .bytes_per_second = bytes_a_gbit * arguments->bandwidth_gbit},
        .flops_measured = arguments->gflops == 0,
        .memory_measured = arguments->memory_gbyte == 0};
    const int64_t rows = (base->batch + ranks - 1) / ranks;
    const sn_status status = sn_plan_measure(base, rows, &column->rates, err);
    if (status == SN_OK) {
        column->plan = sn_plan_make(base, &column->rates, ranks, node_ranks);
    }
    return status;
}

static sn_status plan(const plan_arguments *arguments, const sn_config *config,
                      sn_error *err)
{
    sn_plan_base base;
    sn_plan_column columns[COLUMNS_MAX];
    sn_status status = sn_plan_open(config, &base, err);
    for (size_t i = 0; i < arguments->count && status == SN_OK; i++) {
        status = make_column(&base, arguments, i, columns, err);
    }
    if (status == SN_OK) {
        sn_plan_print(stdout, &base, columns, arguments->count);
    }
    sn_plan_clear(&base);
    return status;
}

sn_status sn_cmd_plan(int argc, char **argv, sn_error *err)
{
    if (sn_job_asks_for_help(argc, argv)) {
        fputs(help_text, stdout);
        return SN_OK;
    }
    plan_arguments arguments = {.assignments =
                                    calloc((size_t)argc, sizeof *arguments.assignments),
                                .latency_us = 2,
                                .bandwidth_gbit = 100};
    sn_config *config = malloc(sizeof *config);
    sn_status status = arguments.assignments == NULL || config == NULL
                           ? sn_fail(err, SN_ENOMEM, "out of memory")
                           : parse(argc, argv, &arguments, err);
    if (status == SN_OK) {
        status = sn_job_config_read(arguments.config_path, arguments.assignments,
                                    arguments.assignment_count, config, err);
    }
    if (status == SN_OK) {
        status = sn_config_check_all_but_data(config, err);
    }
    if (status == SN_OK) {
        status = plan(&arguments, config, err);
    }
    free(config);
    free(arguments.assignments);
    return status;
}
