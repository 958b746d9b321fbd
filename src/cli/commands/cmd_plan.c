/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/job.h"
#include "perf/plan.h"

enum { COLUMNS_MAX = 12, RANKS_MAX = 1000000 };

typedef struct arguments {
    const char *config;
    sn_list set, ranks;
    uint64_t node_ranks, threads; /* 0: not given */
    double gflops, memory_gbyte, latency_us, bandwidth_gbit, tcp_gbyte;
} arguments;

static const sn_list usual_ranks = {
    4, {{.integer = 1}, {.integer = 2}, {.integer = 4}, {.integer = 8}}};

/* The column of one number of ranks. */
typedef struct plan_column {
    int64_t rows; /* number of images in the measured gradient */
    sn_plan_rates rates;
    sn_plan plan;
} plan_column;

/* Computes columns[index]; the columns before it are complete. */
static sn_status make_column(const sn_plan_base *base, const arguments *given,
                             int ranks, size_t index, plan_column *columns,
                             sn_error *err)
{
    static const double bytes_per_gbit = 1e9 / 8;
    plan_column *column = &columns[index];
    const int node_ranks = given->node_ranks > 0 ? (int)given->node_ranks : ranks;
    const int64_t threads = base->config.compute_threads;
    *column = (plan_column){
        .rows = sn_plan_rows(base, ranks),
        .rates = {.threads = given->threads > 0 ? (int)given->threads
                             : threads > 0      ? (int)threads
                                                : 1,
                  .flops_per_second = 1e9 * given->gflops,
                  .memory_per_second = index > 0 ? columns[0].rates.memory_per_second
                                                 : 1e9 * given->memory_gbyte,
                  .update_per_second = index > 0 ? columns[0].rates.update_per_second
                                                 : 1e9 * given->memory_gbyte,
                  .latency_seconds = 1e-6 * given->latency_us,
                  .bytes_per_second = bytes_per_gbit * given->bandwidth_gbit,
                  .served_per_second = 1e9 * given->tcp_gbyte}};
    for (size_t i = 0; i < index; i++) {
        if (columns[i].rows == column->rows) {
            column->rates.flops_per_second = columns[i].rates.flops_per_second;
        }
    }
    const sn_status status = sn_plan_measure(base, column->rows, &column->rates, err);
    if (status == SN_OK) {
        column->plan = sn_plan_make(base, &column->rates, ranks, node_ranks);
    }
    return status;
}

static const double mib = 1 << 20;

enum { TITLE = -1 };

/* A line of the table, with its value in one column. */
typedef struct line {
    const char *name; /* NULL after the last line */
    int digits;       /* significant digits; 0: an integer; TITLE: no value */
    double value;
} line;

/* Returns line index of the table; node is the title of the lines on a node's memory.
 */
static line line_of(size_t index, const sn_plan_base *base, const plan_column *column,
                    const char *node)
{
    const sn_plan *plan = &column->plan;
    const line lines[] = {
        {"ranks", 0, plan->ranks},
        {"largest shard, images", 0, (double)plan->largest_shard},
        {"smallest shard, images", 0, (double)plan->smallest_shard},
        {"\nmemory per rank, MiB", TITLE, 0},
        {"  gradient buffers", 4, (double)plan->reduction / mib},
        {"  activations", 4, (double)plan->activations / mib},
        {"  batch", 4, (double)plan->batch / mib},
        {"  total", 4, (double)plan->rank_bytes / mib},
        {"also on rank 0 while a checkpoint is written, MiB", TITLE, 0},
        {"  copy of the state", 4, (double)plan->copy / mib},
        {"  best epoch, not yet written", 4, (double)plan->best / mib},
        {"  file while it is written", 4, (double)plan->file / mib},
        {node, TITLE, 0},
        {"  copies of the state", 0, plan->copies},
        {"  parameters", 4, (double)plan->parameters / mib},
        {base->optimizer.kind == SN_ADAMW ? "  first and second moments"
                                          : "  velocities",
         4, (double)plan->moments / mib},
        {"  average of the parameters", 4, (double)plan->average / mib},
        {"  data set, one copy", 4, (double)base->data_bytes / mib},
        {"  total", 4, (double)plan->node_bytes / mib},
        {"\npredicted time per step, ms", TITLE, 0},
        {"  compute", 3, 1e3 * plan->compute_seconds},
        {"  gather", 3, 1e3 * plan->gather_seconds},
        {"  reduction", 3, 1e3 * plan->reduce_seconds},
        {"  reduction, between nodes", 3, 1e3 * plan->network_seconds},
        {"  reduction, work of the core", 3, 1e3 * plan->core_seconds},
        {"  reduction, hidden part", 3, 1e3 * plan->hidden_seconds},
        {"  update", 3, 1e3 * plan->update_seconds},
        {"  total", 3, 1e3 * plan->step_seconds},
        {"compute, GFLOP/s per rank", 3, column->rates.flops_per_second * 1e-9},
        {"seconds per epoch", 3, (double)base->updates * plan->step_seconds},
        {"images/s", 3, (double)base->batch / plan->step_seconds},
        {NULL, TITLE, 0}};
    return lines[index];
}

static void print_base(const sn_plan_base *base)
{
    fputs("model        ", stdout);
    sn_config_print_network(&base->network, stdout);
    printf(
        "\ndata         training on %zu of %zu images, %zu test images, %zu x %zu%s\n",
        base->train_count, base->data.train_count, base->data.test_count,
        base->data.rows, base->data.cols,
        base->data_assumed ? "; assumed: no files found" : "");
    printf("updates      %" PRId64 " per epoch, of up to %" PRId64 " images\n",
           base->updates, base->batch);
    printf(
        "step         %.4g GFLOP in matrix products, gradient buffer of %.0f bytes\n",
        1e-9 * base->flops, base->gradient_buffer_bytes);
    printf("checkpoint   about %.4g MB on disk; %" PRId64 " are kept%s\n",
           1e-6 * (double)base->checkpoint_bytes, base->config.checkpoint_keep,
           base->config.checkpoint_keep_best && base->config.data_validation > 0
               ? ", and best.h5"
               : "");
}

static void print_rates(const arguments *given, const sn_plan_rates *rates)
{
    printf(
        "rates        %d thread%s per rank; compute %s, memory %.3g GB/s %s; network "
        "between nodes %.3g us, %.3g Gbit/s\n\n",
        rates->threads, rates->threads == 1 ? "" : "s",
        given->gflops == 0 ? "measured here" : "as given",
        1e-9 * rates->memory_per_second,
        given->memory_gbyte == 0 ? "measured here" : "as given",
        1e6 * rates->latency_seconds, 8e-9 * rates->bytes_per_second);
}

static void print_notes(const sn_plan_base *base, const plan_column *columns,
                        size_t count)
{
    const sn_config *config = &base->config;
    for (size_t c = 0; c < count; c++) {
        const sn_plan *plan = &columns[c].plan;
        if (plan->empty_shards > 0) {
            printf("note         %d ranks: %d of them have no image in a batch of "
                   "%" PRId64 "; use fewer ranks or a larger batch\n",
                   plan->ranks, plan->empty_shards, base->batch);
        } else if (plan->last_batch < plan->ranks) {
            printf("note         %d ranks: the last batch of an epoch has %" PRId64
                   " images, too few for all ranks\n",
                   plan->ranks, plan->last_batch);
        }
        if (plan->refused) {
            printf("note         %d ranks: train refuses more ranks than comm.leaves "
                   "= %" PRId64 "\n",
                   plan->ranks, config->comm_leaves);
        }
    }
    const sn_augment_spec distortion = sn_config_augment(config);
    if (sn_augment_is_active(&distortion)) {
        printf("note         these times do not include distortions; see gather in "
               "`shardnet bench`\n");
    }
    const sn_precision precision = (sn_precision)config->compute_precision;
    sn_error why = {""};
    if (precision != SN_PRECISION_FP32 &&
        sn_precision_check(precision, &why) != SN_OK) {
        printf("note         compute is measured in fp32: bf16 needs %s\n",
               why.message);
    }
    for (size_t c = 0; config->comm_reduce == SN_REDUCE_AUTO && c < count; c++) {
        printf("note         comm.reduce = auto is %s on %d rank%s\n",
               columns[c].plan.spec.kind->name, columns[c].plan.ranks,
               columns[c].plan.ranks == 1 ? "" : "s");
    }
}

static void print_plan(const arguments *given, const sn_plan_base *base,
                       const plan_column *columns, size_t count)
{
    char node[80];
    line at;
    snprintf(node, sizeof node, "its node, including about %d MiB per process, MiB",
             SN_PLAN_PROCESS_MIB);
    print_base(base);
    print_rates(given, &columns[0].rates);
    for (size_t l = 0; (at = line_of(l, base, columns, node)).name != NULL; l++) {
        printf(at.digits == TITLE ? "%s" : "%-28s", at.name);
        for (size_t c = 0; at.digits != TITLE && c < count; c++) {
            const double value = line_of(l, base, &columns[c], node).value;
            if (at.digits == 0 || value >= 1e5) {
                printf(" %10.0f", value);
            } else {
                printf(" %10.*g", at.digits, value);
            }
        }
        putchar('\n');
    }
    print_notes(base, columns, count);
}

static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    const sn_list *ranks = given->ranks.count > 0 ? &given->ranks : &usual_ranks;
    sn_config *config;
    sn_plan_base base = {0};
    plan_column columns[COLUMNS_MAX] = {0};
    sn_status status = sn_job_config(given->config, &given->set,
                                     sn_config_check_all_but_data, &config, err);
    if (status == SN_OK) {
        status = sn_plan_open(config, &base, err);
    }
    for (size_t i = 0; i < ranks->count && status == SN_OK; i++) {
        status =
            make_column(&base, given, (int)ranks->value[i].integer, i, columns, err);
    }
    if (status == SN_OK) {
        print_plan(given, &base, columns, ranks->count);
    }
    sn_plan_clear(&base);
    sn_config_destroy(&config);
    return status;
}

const sn_command sn_command_plan = {
    .name = "plan",
    .summary = "predict memory and time of training on N ranks",
    .text =
        "Predicts memory and step time of training on N ranks. Runs no training and "
        "needs no data: if the files are missing, it assumes 60000 + 10000 images of "
        "28 x 28 in ten classes.\n\n"
        "The model of the step time on m nodes with q ranks each, where shard is the "
        "largest shard, n the bytes of the gradient buffer, and memory a rate in "
        "bytes/s:\n"
        "    compute    operations of the shard / rate\n"
        "    gather     5 bytes per pixel of the shard / memory\n"
        "    reduction  R(q) inside a node + max(link, core) between nodes, with\n"
        "               R(p) = 2 ceil(log2 p) latency + 2 (p - 1) / p n / bandwidth\n"
        "               link = R(m) for allreduce and node; for overlap\n"
        "                      2 (m q - 1) (latency + n / (m q) / bandwidth)\n"
        "               core = bytes that a rank sends / tcp\n"
        "    update     20 bytes per parameter / memory; adamw and train.average each\n"
        "               add 8 bytes, optimizer.clip_norm 4\n"
        "Inside a node, latency is 1 us and bandwidth a third of memory. With "
        "comm.reduce = overlap the backward pass hides a part of the reduction, but not "
        "the work of the core. The model ignores distortions, ranks that compete for "
        "memory or wait for slow ranks, checkpoints and evaluation. `shardnet bench` "
        "measures real steps.",
    .operands = {{SN_OPERAND_CONFIG}},
    .options =
        {{SN_INTEGER(
              "ranks", "N", 1, RANKS_MAX, ranks,
              "number of ranks, one column of the table; may be given up to 12 times "
              "(1, 2, 4 and 8)"),
          .limit = COLUMNS_MAX},
         {SN_OPTION_SET},
         {SN_INTEGER("ranks-per-node", "N", 1, RANKS_MAX, node_ranks,
                     "number of ranks per node (all on one node)")},
         {SN_INTEGER("threads", "N", 1, 1024, threads,
                     "threads per rank (compute.threads, or 1 if that is auto)")},
         {SN_REAL(
             "gflops", "R", 1e-3, 1e9, gflops,
             "compute rate per rank, GFLOP/s (measured here: forward and backward pass "
             "on shards of the right size)")},
         {SN_REAL(
             "memory-gbyte", "R", 1e-3, 1e6, memory_gbyte,
             "memory rate per rank, GB/s (measured here: a = b + s c on large arrays "
             "and, for the update, on arrays of the model's size)")},
         {SN_REAL("latency-us", "T", 0, 1e6, latency_us,
                  "latency between nodes, microseconds (2)")},
         {SN_REAL("bandwidth-gbit", "R", 1e-3, 1e6, bandwidth_gbit,
                  "bandwidth between nodes, Gbit/s (100)")},
         {SN_REAL("tcp-gbyte", "R", 1e-3, 1e6, tcp_gbyte,
                  "rate at which a core sends over TCP while it receives and adds as "
                  "much, GB/s (a network with RDMA, which needs no core)")}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .defaults = &(const arguments){.latency_us = 2, .bandwidth_gbit = 100},
    .run = run};
