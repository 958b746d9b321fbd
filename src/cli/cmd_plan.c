#include <stdio.h>

#include "cli/commands.h"
#include "cli/job.h"
#include "cli/print/plan.h"

enum { COLUMNS_MAX = 12, RANKS_MAX = 1000000 };

typedef struct arguments {
    const char *config;
    sn_list set, ranks;
    uint64_t node_ranks, threads; /* 0 = not given */
    double gflops, memory_gbyte, latency_us, bandwidth_gbit;
} arguments;

static const sn_list usual_ranks = {
    4, {{.whole = 1}, {.whole = 2}, {.whole = 4}, {.whole = 8}}};

/* Fills in columns[index]; the columns before it have been measured. */
static sn_status make_column(const sn_plan_base *base, const arguments *given,
                             int ranks, size_t index, sn_plan_column *columns,
                             sn_error *err)
{
    static const double bytes_per_gbit = 1e9 / 8;
    sn_plan_column *column = &columns[index];
    const int node_ranks = given->node_ranks > 0 ? (int)given->node_ranks : ranks;
    const int64_t threads = base->config.compute_threads;
    *column = (sn_plan_column){
        .rates = {.threads = given->threads > 0 ? (int)given->threads
                             : threads > 0      ? (int)threads
                                                : 1,
                  .flops_per_second = 1e9 * given->gflops,
                  .memory_per_second = index > 0 ? columns[0].rates.memory_per_second
                                                 : 1e9 * given->memory_gbyte,
                  .update_per_second = index > 0 ? columns[0].rates.update_per_second
                                                 : 1e9 * given->memory_gbyte,
                  .latency_seconds = 1e-6 * given->latency_us,
                  .bytes_per_second = bytes_per_gbit * given->bandwidth_gbit},
        .flops_measured = given->gflops == 0,
        .memory_measured = given->memory_gbyte == 0};
    const int64_t rows = (base->batch + ranks - 1) / ranks;
    const sn_status status = sn_plan_measure(base, rows, &column->rates, err);
    if (status == SN_OK) {
        column->plan = sn_plan_make(base, &column->rates, ranks, node_ranks);
    }
    return status;
}

static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    const sn_list *ranks = given->ranks.count > 0 ? &given->ranks : &usual_ranks;
    sn_config *config;
    sn_plan_base base = {0};
    sn_plan_column columns[COLUMNS_MAX];
    sn_status status = sn_job_config(given->config, &given->set,
                                     sn_config_check_all_but_data, &config, err);
    if (status == SN_OK) {
        status = sn_plan_open(config, &base, err);
    }
    for (size_t i = 0; i < ranks->count && status == SN_OK; i++) {
        status = make_column(&base, given, (int)ranks->of[i].whole, i, columns, err);
    }
    if (status == SN_OK) {
        sn_plan_print(stdout, &base, columns, ranks->count);
    }
    sn_plan_clear(&base);
    sn_config_destroy(&config);
    return status;
}

const sn_command sn_command_plan = {
    .name = "plan",
    .summary = "predict memory and time of training on N ranks",
    .text =
        "Memory, message and operations of training on N ranks, and the time of a step "
        "by a model. Runs no training and needs no data: where the files are not found "
        "it assumes 60000 + 10000 images of 28 x 28 in ten classes.\n\n"
        "Time of a step = operations of the largest shard / rate + (5 bytes per pixel "
        "of the shard + 20 bytes per parameter) / memory + 2 ceil(log2 p) latency + 2 (p "
        "- 1) / p message / bandwidth, on one node with 1 us and a third of the memory's "
        "rate. With comm.reduce = overlap the reduction hides behind the backward pass. "
        "The model leaves out distortions, ranks that share a memory or wait, "
        "checkpoints and evaluation. `shardnet bench` measures.",
    .operands = {{SN_OPERAND_CONFIG}},
    .options =
        {{SN_WHOLE("ranks", "N", 1, RANKS_MAX, ranks,
                   "a column of the table; up to 12 times; 1, 2, 4 and 8 unless given"),
          .limit = COLUMNS_MAX},
         {SN_OPTION_SET},
         {SN_WHOLE("ranks-per-node", "N", 1, RANKS_MAX, node_ranks,
                   "all on one node unless given")},
         {SN_WHOLE(
             "threads", "N", 1, 1024, threads,
             "threads per rank; compute.threads unless given, or 1 where that is auto")},
         {SN_REAL(
             "gflops", "R", 1e-3, 1e9, gflops,
             "rate per rank of the products with all that the network does between them; "
             "measured here unless given, on shards of the size that they will have")},
         {SN_REAL(
             "memory-gbyte", "R", 1e-3, 1e6, memory_gbyte,
             "memory traffic per rank, GB/s; measured here unless given, by a = b + s c on "
             "large arrays and, for updates, on arrays of the model's size")},
         {SN_REAL("latency-us", "T", 0, 1e6, latency_us,
                  "latency between nodes, microseconds (2)")},
         {SN_REAL("bandwidth-gbit", "R", 1e-3, 1e6, bandwidth_gbit,
                  "bandwidth between nodes, Gbit/s (100)")}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .defaults = &(const arguments){.latency_us = 2, .bandwidth_gbit = 100},
    .run = run};
