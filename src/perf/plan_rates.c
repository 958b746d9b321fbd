/* SPDX-License-Identifier: BSD-3-Clause */
/* sn_plan_measure: each rate follows from the shortest of several runs. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/numeric/parallel.h"
#include "base/system/clock.h"
#include "data/sampler.h"
#include "nn/products/gemm.h"
#include "perf/measure.h"
#include "perf/plan.h"
#include "train/step/replica.h"

/* Runs once and returns the seconds on the clock. */
typedef double timed_run(double (*clock)(void), void *user);

/* Returns the seconds of the shortest of many runs: the three shortest agree, or a
 * second is over.  A run on one thread counts its processor time, which other work on
 * the machine changes least. */
static double shortest(timed_run *run, void *user, int threads)
{
    static const double least_seconds = 0.1, most_seconds = 1, agreement = 1.02;
    enum { AGREEING = 3 };
    double (*clock)(void) = threads == 1 ? sn_clock_thread_seconds : sn_clock_seconds;
    double best[AGREEING] = {INFINITY, INFINITY, INFINITY}, spent = 0;
    while (spent < least_seconds ||
           (spent < most_seconds && best[AGREEING - 1] > agreement * best[0])) {
        double seconds = run(clock, user);
        spent += seconds;
        for (int i = 0; i < AGREEING; i++) {
            const double longer = fmax(best[i], seconds);
            best[i] = fmin(best[i], seconds);
            seconds = longer;
        }
    }
    return best[0];
}

/* The measurement of a gradient. */
typedef struct gradients {
    sn_replica replica;
    sn_dropout dropout;
    size_t rows;
    float *gradient; /* (arena) */
} gradients;

static double run_gradient(double (*clock)(void), void *user)
{
    gradients *g = user;
    sn_replica *r = &g->replica;
    const double begun = clock();
    (void)sn_net_gradient(&r->network, r->state.parameters, &r->workspace, r->batch.x,
                          r->batch.labels, r->batch.samples, g->rows, &g->dropout,
                          g->gradient);
    return clock() - begun;
}

/* Opens a replica for g->rows artificial images. */
static sn_status prepare(gradients *g, const sn_plan_base *base, sn_error *err)
{
    const sn_network *network = &base->network;
    const sn_dataset data = {.features = network->input,
                             .classes = network->classes,
                             .train = {.count = g->rows}};
    sn_config config = base->config;
    config.augment_kind = SN_AUGMENT_NONE;
    config.augment_noise = 0;
    config.comm_reduce = SN_REDUCE_ALLREDUCE; /* one microbatch of all rows */
    config.train_batch = (int64_t)g->rows;
    if (sn_precision_check((sn_precision)config.compute_precision, NULL) != SN_OK) {
        config.compute_precision = SN_PRECISION_FP32;
    }
    sn_status status = sn_replica_open(NULL, &g->replica, &config, &data, 1, err);
    g->gradient = sn_alloc(network->arena, sizeof *g->gradient);
    if (status == SN_ENOMEM || g->gradient == NULL) {
        return sn_fail(err, SN_ENOMEM,
                       "plan (%zu parameters, %zu rows): out of memory to measure; "
                       "pass the rate of products with --gflops",
                       network->parameters, g->rows);
    }
    if (status == SN_OK) {
        g->replica.workspace.backend = sn_config_backend(&base->config, network);
        sn_replica_draw(&g->replica, &config, g->dropout.seed);
        for (size_t i = 0; i < g->rows * network->input; i++) {
            g->replica.batch.x[i] = (float)(i % 5) / 4;
        }
    }
    return status;
}

static sn_status measure_compute(const sn_plan_base *base, size_t rows,
                                 sn_plan_rates *rates, sn_error *err)
{
    /* No input dropout: it would scale the same X in every run. */
    gradients g = {.rows = rows,
                   .dropout = {.hidden = base->config.model_dropout_hidden,
                               .seed = (uint64_t)base->config.train_seed}};
    sn_gemm_set_threads(rates->threads);
    const sn_status status = prepare(&g, base, err);
    if (status == SN_OK) {
        if (rates->threads == 1) {
            sn_set_threads(1);
        }
        rates->flops_per_second = sn_net_product_flops(&base->network, rows) /
                                  shortest(run_gradient, &g, rates->threads);
    }
    sn_replica_close(&g.replica);
    free(g.gradient);
    return status;
}

/* Three arrays of third elements each. */
typedef struct triads {
    size_t third;
    float *scratch;
} triads;

static double run_triad(double (*clock)(void), void *user)
{
    const triads *t = user;
    const double begun = clock();
    sn_measure_triad(t->third, 0.5F, t->scratch + t->third, t->scratch + 2 * t->third,
                     t->scratch);
    return clock() - begun;
}

/* Returns the bytes per second of a triad on arrays of third elements. */
static double triad_per_second(size_t third, float *scratch)
{
    triads t = {third, scratch};
    return 3.0 * (double)third * sizeof *scratch / shortest(run_triad, &t, 1);
}

static sn_status measure_memory(const sn_plan_base *base, sn_plan_rates *rates,
                                sn_error *err)
{
    const size_t third = sn_measure_triad_count(1), arena = base->network.arena;
    float *scratch = sn_alloc(third, 3 * sizeof *scratch);
    if (scratch == NULL) {
        return sn_fail(err, SN_ENOMEM,
                       "plan (%zu MiB for the memory's bandwidth): out of memory; pass "
                       "it with --memory-gbyte",
                       3 * third * sizeof *scratch >> 20);
    }
    sn_measure_fill(3 * third, scratch);
    rates->memory_per_second = triad_per_second(third, scratch);
    /* A small model stays in a cache. */
    rates->update_per_second =
        arena < third ? triad_per_second(arena, scratch) : rates->memory_per_second;
    free(scratch);
    return SN_OK;
}

sn_status sn_plan_measure(const sn_plan_base *base, int64_t rows, sn_plan_rates *rates,
                          sn_error *err)
{
    sn_status status = SN_OK;
    if (rates->flops_per_second == 0) {
        status = measure_compute(base, (size_t)rows, rates, err);
    }
    if (status == SN_OK && rates->memory_per_second == 0) {
        status = measure_memory(base, rates, err);
    }
    return status;
}

int64_t sn_plan_rows(const sn_plan_base *base, int ranks)
{
    static const double most_flops = 1e10; /* operations of one gradient */
    enum { FEWEST_ROWS = 32 };             /* fewer rows would distort the rate */
    const sn_reduction_spec spec =
        sn_config_reduction(&base->config, base->network.arena, SN_TAIL_ELEMENTS);
    const int microbatches = sn_reduction_microbatches(&spec, 0, ranks).total;
    const double rows = (double)sn_rank_range_max((uint64_t)base->batch, microbatches);
    const double affordable = most_flops / sn_net_product_flops(&base->network, 1);
    return (int64_t)fmin(rows, fmax(affordable, FEWEST_ROWS));
}
