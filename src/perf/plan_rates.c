/* SPDX-License-Identifier: BSD-3-Clause */
/* sn_plan_measure: each rate follows from the fastest of several short runs. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "nn/products/gemm.h"
#include "perf/measure.h"
#include "perf/plan.h"
#include "train/replica.h"

/* The measurement of a gradient with each library that the configuration allows. */
typedef struct gradients {
    sn_replica replica;
    sn_dropout dropout;
    size_t rows;
    float *gradient; /* (arena) */
    sn_backend backend[SN_BACKENDS];
} gradients;

static double run_gradient(void *user, int which)
{
    gradients *g = user;
    sn_replica *r = &g->replica;
    r->workspace.backend = g->backend[which];
    const double begun = sn_clock_seconds();
    (void)sn_net_gradient(&r->network, r->parameters, &r->workspace, r->batch.x,
                          r->batch.labels, r->batch.samples, g->rows, &g->dropout,
                          g->gradient);
    return sn_clock_seconds() - begun;
}

/* Returns the seconds of a gradient with the fastest library. */
static double gradient_seconds(gradients *g, int wanted)
{
    static const double enough_seconds = 0.05;
    enum { FEWEST = 2, MOST = 2000 };
    double seconds[SN_BACKENDS], least = INFINITY;
    int count = 0;
    for (int b = SN_BACKEND_OPENBLAS; b < SN_BACKENDS; b++) {
        if ((wanted == SN_BACKEND_AUTO || wanted == b) &&
            sn_gemm_supports((sn_backend)b)) {
            g->backend[count++] = (sn_backend)b;
        }
    }
    sn_repeat_minimum(run_gradient, g, count, FEWEST, MOST, count * enough_seconds,
                      seconds);
    for (int i = 0; i < count; i++) {
        least = fmin(least, seconds[i]);
    }
    return least;
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
    config.comm_reduce = SN_REDUCE_ALLREDUCE; /* one microbatch of all rows */
    config.train_batch = (int64_t)g->rows;
    if (sn_precision_check((sn_precision)config.compute_precision, NULL) != SN_OK) {
        config.compute_precision = SN_PRECISION_FP32;
    }
    sn_status status = sn_replica_open(&g->replica, &config, &data, 1, 1, err);
    g->gradient = sn_alloc(network->arena, sizeof *g->gradient);
    if (status == SN_ENOMEM || g->gradient == NULL) {
        return sn_fail(err, SN_ENOMEM,
                       "plan (%zu parameters, %zu rows): out of memory to measure; "
                       "pass the rate of products with --gflops",
                       network->parameters, g->rows);
    }
    if (status == SN_OK) {
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
                                  gradient_seconds(&g, base->config.compute_backend);
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

static double run_triad(void *user, int which)
{
    const triads *t = user;
    (void)which;
    const double begun = sn_clock_seconds();
    sn_measure_triad(t->third, 0.5F, t->scratch + t->third, t->scratch + 2 * t->third,
                     t->scratch);
    return sn_clock_seconds() - begun;
}

/* Returns the bytes per second of a triad on arrays of third elements. */
static double triad_per_second(size_t third, float *scratch)
{
    static const double enough_seconds = 0.05;
    enum { FEWEST = 3, MOST = 10000 };
    triads t = {third, scratch};
    double seconds;
    sn_repeat_minimum(run_triad, &t, 1, FEWEST, MOST, enough_seconds, &seconds);
    return 3.0 * (double)third * sizeof *scratch / seconds;
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
    static const double most_flops = 1e10; /* operations of one gradient */
    enum { FEWEST_ROWS = 32 };             /* fewer rows would distort the rate */
    sn_status status = SN_OK;
    if (rates->flops_per_second == 0) {
        const double affordable = most_flops / sn_net_product_flops(&base->network, 1);
        double taken = affordable > FEWEST_ROWS ? affordable : FEWEST_ROWS;
        taken = (double)rows < taken ? (double)rows : taken;
        status = measure_compute(base, taken < 1 ? 1 : (size_t)taken, rates, err);
    }
    if (status == SN_OK && rates->memory_per_second == 0) {
        status = measure_memory(base, rates, err);
    }
    return status;
}
