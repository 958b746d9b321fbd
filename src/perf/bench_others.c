/* The same steps done other ways, in turns with the configured one.
 *
 * Each way has a state of its own on a communicator of the ranks that take part, and
 * the other ranks sleep.  In every repeat the configured steps and the other ones run
 * for about the same time, and the ratio is taken within the repeat. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "dist/node/node.h"
#include "perf/bench_steps.h"

/* Seconds of a step on one rank in one repeat. */
typedef struct pair {
    double configured, other; /* 0 on ranks that slept */
} pair;

enum { FEWER_RANKS = -1 };

/* One other way, while it is measured. */
typedef struct trial {
    int sum;           /* another comm.reduce, or FEWER_RANKS */
    int node_ranks;    /* that take part */
    sn_comm *comm;     /* of these, NULL on the others */
    sn_node_mask own;  /* cores of this rank for the configured steps */
    sn_node_mask used; /* and for these */
    sn_bench_steps steps;
    bool opened;             /* steps are there */
    int64_t count;           /* of steps in a repeat */
    pair *mine;              /* (repeats) */
    pair *all;               /* (size, repeats) on rank 0 */
    double *seconds, *ratio; /* (repeats) on rank 0 */
} trial;

/* Fewest leaves for the ranks: a power of two. */
static int64_t enough_leaves(int64_t leaves, int ranks)
{
    while (leaves < ranks) {
        leaves *= 2;
    }
    return leaves;
}

/* As base is configured, but with this sum, or with threads as the cores allow. */
static sn_config other_config(const sn_state *base, int sum)
{
    sn_config config = base->config;
    if (sum == FEWER_RANKS) {
        config.compute_threads = 0;
        return config;
    }
    config.comm_reduce = sum;
    if (sum == SN_REDUCE_REPRODUCIBLE) {
        config.comm_wire = SN_WIRE_FP32;
        config.comm_leaves = enough_leaves(config.comm_leaves, base->size);
    }
    return config;
}

static sn_status allocate(trial *t, const sn_state *base, size_t repeats, sn_error *err)
{
    t->mine = calloc(repeats, sizeof *t->mine);
    bool lacks = t->mine == NULL;
    if (base->rank == 0) {
        t->all = calloc(repeats * (size_t)base->size, sizeof *t->all);
        t->seconds = calloc(repeats, sizeof *t->seconds);
        t->ratio = calloc(repeats, sizeof *t->ratio);
        lacks = lacks || t->all == NULL || t->seconds == NULL || t->ratio == NULL;
    }
    return lacks ? sn_fail(err, SN_ENOMEM, "out of memory") : SN_OK;
}

/* Everything that the way needs; the same status on all ranks of base. */
static sn_status open_trial(trial *t, sn_state *base, size_t repeats, sn_error *err)
{
    sn_node_mask together;
    sn_status status = sn_node_masks(base->comm, &t->own, &together, err);
    t->used = t->sum == FEWER_RANKS ? together : t->own;
    if (status == SN_OK) {
        status = sn_comm_agree(base->comm, allocate(t, base, repeats, err), err);
    }
    if (status == SN_OK) {
        const bool member = sn_comm_node_rank(base->comm) < t->node_ranks;
        status = sn_comm_part(base->comm, member, &t->comm, err);
    }
    if (status != SN_OK) {
        return status;
    }
    if (t->comm != NULL) {
        const sn_config config = other_config(base, t->sum);
        sn_node_run_on(&t->used);
        status = sn_bench_steps_open(&t->steps, t->comm, &config, NULL, err);
        sn_node_run_on(&t->own);
        t->opened = status == SN_OK;
    }
    if (status == SN_OK) {
        status = sn_fault_check("bench.other", base->rank, -1, err);
    }
    return status == SN_EMPI ? status : sn_comm_agree(base->comm, status, err);
}

static void close_trial(trial *t)
{
    if (t->opened) {
        sn_bench_steps_close(&t->steps);
    }
    sn_comm_finish(&t->comm);
    free(t->mine);
    free(t->all);
    free(t->seconds);
    free(t->ratio);
}

/* Seconds of a step: count of them, which the ranks of state begin together. */
static sn_status timed(sn_bench_steps *steps, int64_t count, double *seconds,
                       sn_error *err)
{
    sn_bench_steps_take_threads(steps);
    sn_status status = sn_comm_agree(steps->state.comm, SN_OK, err);
    const double begun = sn_clock_seconds();
    if (status == SN_OK) {
        status = sn_bench_steps_run(steps, count, err);
    }
    *seconds = (sn_clock_seconds() - begun) / (double)count;
    return status;
}

/* The ranks that take part run count steps, the others sleep. */
static sn_status run_other(trial *t, sn_state *base, int64_t count, double *seconds,
                           sn_error *err)
{
    sn_status status = SN_OK;
    *seconds = 0;
    sn_node_run_on(&t->used);
    if (t->comm != NULL) {
        status = timed(&t->steps, count, seconds, err);
    }
    sn_node_run_on(&t->own);
    const sn_status rested = status == SN_EMPI ? status : sn_comm_rest(base->comm, err);
    return rested != SN_OK ? rested : sn_comm_agree(base->comm, status, err);
}

/* How many steps take about target seconds; the same on all ranks. */
static sn_status calibrate(trial *t, sn_state *base, double target, sn_error *err)
{
    double seconds;
    sn_status status = run_other(t, base, 2, &seconds, err); /* warms up */
    if (status == SN_OK) {
        status = run_other(t, base, 4, &seconds, err);
    }
    double sums[2] = {seconds, t->comm != NULL};
    if (status == SN_OK) {
        status = sn_comm_sum_double(base->comm, sums, 2, err);
    }
    const double count = ceil(target / (sums[0] / sums[1]));
    t->count = count < 1 ? 1 : count < 1e6 ? (int64_t)count : 1000000;
    return status;
}

/* On rank 0: of each repeat the slowest rank counts. */
static void summarise(const trial *t, int ranks, size_t repeats, sn_bench_other *other)
{
    for (size_t r = 0; r < repeats; r++) {
        pair slowest = {0, 0};
        for (size_t rank = 0; rank < (size_t)ranks; rank++) {
            const pair *p = &t->all[rank * repeats + r];
            slowest.configured = fmax(slowest.configured, p->configured);
            slowest.other = fmax(slowest.other, p->other);
        }
        t->seconds[r] = slowest.other;
        t->ratio[r] = slowest.other / slowest.configured;
    }
    other->seconds = sn_bench_spread_of(t->seconds, repeats);
    other->ratio = sn_bench_spread_of(t->ratio, repeats);
}

static sn_status measure(trial *t, sn_bench_steps *base, int64_t base_count,
                         const sn_bench_options *options, sn_bench_other *other,
                         sn_error *err)
{
    sn_state *state = &base->state;
    const size_t repeats = (size_t)options->repeats;
    int64_t ranks = t->comm != NULL;
    sn_status status = sn_comm_sum_int64(state->comm, &ranks, 1, err);
    if (status == SN_OK) {
        status = calibrate(t, state, options->seconds / 2, err);
    }
    for (size_t r = 0; r < repeats && status == SN_OK; r++) {
        status = timed(base, base_count, &t->mine[r].configured, err);
        if (status == SN_OK) {
            status = run_other(t, state, t->count, &t->mine[r].other, err);
        }
    }
    if (status == SN_OK) {
        status = sn_comm_gather(state->comm, t->mine, repeats * sizeof *t->mine, t->all,
                                err);
    }
    if (status == SN_OK && state->rank == 0) {
        other->ranks = (int)ranks;
        other->threads = t->steps.state.threads;
        summarise(t, state->size, repeats, other);
    }
    return status;
}

/* Measures one way, or says why it cannot be measured: not every way fits everywhere.
 */
static sn_status try_other(sn_bench_steps *base, int sum, int node_ranks, int64_t count,
                           const sn_bench_options *options, sn_bench_result *result,
                           sn_error *err)
{
    sn_state *state = &base->state;
    sn_bench_other other = {.sum = NULL};
    trial *t = calloc(1, sizeof *t);
    sn_status status = t == NULL ? sn_fail(err, SN_ENOMEM, "out of memory") : SN_OK;
    status = sn_comm_agree(state->comm, status, err);
    if (status != SN_OK) {
        free(t);
        return status;
    }
    *t = (trial){.sum = sum, .node_ranks = node_ranks};
    if (sum != FEWER_RANKS) {
        other.sum = sn_config_choice_name("comm", "reduce", sum);
    }
    status = open_trial(t, state, (size_t)options->repeats, err);
    if (status == SN_OK) {
        status = measure(t, base, count, options, &other, err);
    } else if (status != SN_EMPI) {
        snprintf(other.missing, sizeof other.missing, "%.*s",
                 (int)sizeof other.missing - 1, err->message);
        err->message[0] = '\0';
        status = SN_OK;
    }
    if (status != SN_EMPI) {
        close_trial(t);
    }
    free(t);
    if (status == SN_OK && state->rank == 0 &&
        result->other_count < SN_BENCH_OTHERS_MAX) {
        result->other[result->other_count++] = other;
    }
    return status;
}

sn_status sn_bench_others(sn_bench_steps *steps, int64_t count,
                          const sn_bench_options *options, sn_bench_result *result,
                          sn_error *err)
{
    static const int sums[] = {SN_REDUCE_ALLREDUCE, SN_REDUCE_REPRODUCIBLE};
    const sn_state *state = &steps->state;
    const int node_ranks = sn_comm_node_size(state->comm);
    const int64_t half = count > 1 ? count / 2 : 1;
    int64_t most = node_ranks; /* of a node */
    sn_status status = SN_OK;
    for (size_t i = 0; i < sizeof sums / sizeof sums[0] && status == SN_OK; i++) {
        if (sums[i] != state->config.comm_reduce && state->size > 1) {
            status = try_other(steps, sums[i], node_ranks, half, options, result, err);
        }
    }
    if (status == SN_OK) {
        status = sn_comm_broadcast(state->comm, &most, sizeof most, 0, err);
    }
    for (int ranks = (int)most / 2; ranks > 0 && status == SN_OK &&
                                    state->config.comm_reduce != SN_REDUCE_REPRODUCIBLE;
         ranks /= 2) {
        status = try_other(steps, FEWER_RANKS, ranks, half, options, result, err);
    }
    sn_bench_steps_take_threads(steps);
    return status;
}
