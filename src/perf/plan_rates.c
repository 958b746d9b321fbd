/* The rates of this machine that a plan uses, each from the least of several short runs.
 */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "nn/net.h"
#include "nn/products/gemm.h"
#include "perf/measure.h"
#include "perf/plan.h"

/* Memory of one gradient. */
typedef struct trial {
    sn_workspace workspace;
    uint16_t *rounded;
    float *parameters, *gradient, *x;
    uint8_t *labels;
    uint32_t *samples;
    sn_dropout dropout;
} trial;

static void release(trial *t)
{
    sn_workspace_clear(&t->workspace);
    free(t->rounded);
    free(t->parameters);
    free(t->gradient);
    free(t->x);
    free(t->labels);
    free(t->samples);
}

static sn_status make_rounded(trial *t, const sn_plan_base *base, sn_error *err)
{
    if (t->workspace.gemm == NULL) {
        return SN_OK;
    }
    t->rounded = sn_alloc(base->model.arena, sizeof *t->rounded);
    if (t->rounded == NULL) {
        return sn_fail(err, SN_ENOMEM, "plan: out of memory");
    }
    sn_network_round(&base->model, t->parameters, t->rounded);
    t->workspace.weights_bf16 = t->rounded;
    return SN_OK;
}

static sn_status prepare(trial *t, const sn_plan_base *base, size_t rows, sn_error *err)
{
    const sn_network *model = &base->model;
    const sn_config *config = &base->config;
    /* input dropout would scale the same X again and again */
    *t = (trial){.dropout = {.hidden = config->model_dropout_hidden,
                             .seed = (uint64_t)config->train_seed}};
    /* a precision that this processor cannot have is measured as float32 */
    const sn_precision precision = (sn_precision)config->compute_precision;
    sn_status status = sn_workspace_init(
        &t->workspace, model, rows, config->model_dropout_hidden > 0,
        sn_precision_check(precision, NULL) == SN_OK ? precision : SN_PRECISION_FP32,
        err);
    if (status != SN_OK) {
        return status;
    }
    t->parameters = sn_alloc(model->arena, sizeof *t->parameters);
    t->gradient = sn_alloc(model->arena, sizeof *t->gradient);
    t->x = sn_alloc(rows * model->input, sizeof *t->x);
    t->labels = sn_alloc(rows, 1);
    t->samples = sn_alloc(rows, sizeof *t->samples);
    if (t->parameters == NULL || t->gradient == NULL || t->x == NULL ||
        t->labels == NULL || t->samples == NULL) {
        return sn_fail(err, SN_ENOMEM,
                       "plan (%zu parameters, %zu rows): out of memory to measure; "
                       "give the rate of products by --gflops",
                       model->parameters, rows);
    }
    sn_init_parameters(model, (sn_init)config->model_init, config->model_init_scale,
                       t->dropout.seed, t->parameters);
    for (size_t i = 0; i < rows * model->input; i++) {
        t->x[i] = (float)(i % 5) / 4;
    }
    return make_rounded(t, base, err);
}

/* Gradients with each library that the configuration allows. */
typedef struct gradients {
    trial *trial;
    const sn_network *model;
    size_t rows;
    sn_backend backend[SN_BACKENDS];
} gradients;

static double run_gradient(void *user, int which)
{
    const gradients *g = user;
    trial *t = g->trial;
    t->workspace.backend = g->backend[which];
    const double begun = sn_clock_seconds();
    (void)sn_net_gradient(g->model, t->parameters, &t->workspace, t->x, t->labels,
                          t->samples, g->rows, &t->dropout, t->gradient);
    return sn_clock_seconds() - begun;
}

/* The seconds of a gradient with the fastest library. */
static double gradient_seconds(trial *t, const sn_plan_base *base, size_t rows)
{
    static const double enough_each = 0.05;
    enum { FEWEST = 2, MOST = 2000 };
    const int wanted = base->config.compute_backend;
    gradients g = {.trial = t, .model = &base->model, .rows = rows};
    double seconds[SN_BACKENDS], least = INFINITY;
    int count = 0;
    for (int b = SN_BACKEND_OPENBLAS; b < SN_BACKENDS; b++) {
        if ((wanted == SN_BACKEND_AUTO || wanted == b) && sn_gemm_has((sn_backend)b)) {
            g.backend[count++] = (sn_backend)b;
        }
    }
    sn_repeat_least(run_gradient, &g, count, FEWEST, MOST, count * enough_each,
                    seconds);
    for (int i = 0; i < count; i++) {
        least = fmin(least, seconds[i]);
    }
    return least;
}

static sn_status measure_compute(const sn_plan_base *base, size_t rows,
                                 sn_plan_rates *rates, sn_error *err)
{
    trial t;
    sn_status status = prepare(&t, base, rows, err);
    if (status == SN_OK) {
        sn_gemm_set_threads(rates->threads);
        if (rates->threads == 1) {
            sn_set_threads(1);
        }
        rates->flops_per_second =
            sn_net_product_flops(&base->model, rows) / gradient_seconds(&t, base, rows);
    }
    release(&t);
    return status;
}

/* Arrays of third elements each. */
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

/* The memory traffic of a triad on arrays of third elements each. */
static double triad_per_second(size_t third, float *scratch)
{
    static const double enough = 0.05;
    enum { FEWEST = 3, MOST = 10000 };
    triads t = {third, scratch};
    double seconds;
    sn_repeat_least(run_triad, &t, 1, FEWEST, MOST, enough, &seconds);
    return 3.0 * (double)third * sizeof *scratch / seconds;
}

static sn_status measure_memory(const sn_plan_base *base, sn_plan_rates *rates,
                                sn_error *err)
{
    const size_t third = sn_measure_triad_count(1), arena = base->model.arena;
    float *scratch = sn_alloc(third, 3 * sizeof *scratch);
    if (scratch == NULL) {
        return sn_fail(err, SN_ENOMEM,
                       "plan (%zu MiB for the memory's bandwidth): out of memory; give "
                       "it by --memory-gbyte",
                       3 * third * sizeof *scratch >> 20);
    }
    sn_measure_fill(3 * third, scratch);
    rates->memory_per_second = triad_per_second(third, scratch);
    /* what is small stays in a cache */
    rates->update_per_second =
        arena < third ? triad_per_second(arena, scratch) : rates->memory_per_second;
    free(scratch);
    return SN_OK;
}

sn_status sn_plan_measure(const sn_plan_base *base, int64_t rows, sn_plan_rates *rates,
                          sn_error *err)
{
    static const double most_flops = 1e10; /* of a pass */
    enum { ROWS_THAT_TELL = 32 };
    sn_status status = SN_OK;
    if (rates->flops_per_second == 0) {
        const double affordable = most_flops / sn_net_product_flops(&base->model, 1);
        double taken = affordable > ROWS_THAT_TELL ? affordable : ROWS_THAT_TELL;
        taken = (double)rows < taken ? (double)rows : taken;
        status = measure_compute(base, taken < 1 ? 1 : (size_t)taken, rates, err);
    }
    if (status == SN_OK && rates->memory_per_second == 0) {
        status = measure_memory(base, rates, err);
    }
    return status;
}
