/* SPDX-License-Identifier: BSD-3-Clause */
/* The measurement alternates between training steps and limits in the same process, so
 * that a machine that becomes slower or faster affects all of them.
 *
 * Each repeat runs every measurement of the table below after a barrier.  The warm-up
 * finds how many runs fill the measurement's share of options.seconds.  This count
 * comes from the mean over ranks: the ranks must agree on the number of collective
 * calls. */
#include "perf/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/system/clock.h"
#include "nn/products/gemm.h"
#include "perf/measure.h"
#include "train/console/console.h"

enum { LARGE = 2048, MIB = 1 << 20 };

/* Figures of one rank in one repeat. */
typedef struct sample {
    double figure[SN_BENCH_FIGURES];
} sample;

typedef struct bench {
    sn_engine engine;
    sn_profile profile; /* parts of the newest measurement */
    int64_t full_steps; /* number of full batches per epoch, at least 1 */
    sn_range batch;     /* a full batch */
    float *scratch;     /* (3, third): one written, two read */
    size_t third;       /* number of elements */
    size_t gradient_buffer_bytes;
    double forward_products; /* seconds in the newest measurement */
    sample *mine;            /* (repeats) */
    sample *all;             /* (size, repeats) on rank 0 */
    double *column;          /* (size * repeats) on rank 0 */
} bench;

/* Runs a training step.  bench skips the short batch at the end of an epoch, and
 * continues with the first epoch after the last one. */
static sn_status run_step(bench *b, sn_error *err)
{
    sn_engine *e = &b->engine;
    sn_position *p = &e->cursor.position;
    sn_step_result result;
    if (p->step_in_epoch == b->full_steps) {
        p->step_in_epoch = 0;
        p->epoch = (p->epoch + 1) % e->config.train_epochs;
        sn_cursor_open_epoch(&e->cursor);
    }
    const sn_status status = sn_engine_step(e, NULL, NULL, &result, err);
    if (status == SN_OK) {
        sn_profile_add(&b->profile, &result.profile);
    }
    return status == SN_EDIVERGED ? sn_fail(err, status,
                                            "bench: training diverged; lower the "
                                            "learning rate to measure finite numbers")
                                  : status;
}

static size_t rows_of(const bench *b, int microbatch)
{
    const sn_range positions = sn_rank_range(
        b->batch, microbatch, sn_reduction_own_microbatches(b->engine.reduction).total);
    return (size_t)(positions.end - positions.begin);
}

static sn_status run_products(bench *b, sn_error *err)
{
    sn_reduction *reduction = b->engine.reduction;
    sn_replica *r = &b->engine.replica;
    const sn_microbatches microbatches = sn_reduction_own_microbatches(reduction);
    for (int microbatch = microbatches.begin; microbatch < microbatches.end;
         microbatch++) {
        double forward_seconds;
        (void)sn_net_time_products(&r->network, r->state.parameters, &r->workspace,
                                   r->batch.x, rows_of(b, microbatch),
                                   sn_reduction_buffer(reduction), &forward_seconds);
        b->forward_products += forward_seconds;
    }
    return sn_products_status(r->workspace.products, err);
}

/* Runs the reduction of a step on the present contents of the buffers, or on zeros. */
static sn_status reduce_once(bench *b, bool zero, sn_error *err)
{
    sn_reduction *reduction = b->engine.reduction;
    const sn_microbatches microbatches = sn_reduction_own_microbatches(reduction);
    const float *sum;
    sn_reduction_begin(reduction);
    for (int microbatch = microbatches.begin; microbatch < microbatches.end;
         microbatch++) {
        if (zero) {
            memset(sn_reduction_buffer(reduction), 0, b->gradient_buffer_bytes);
        }
        sn_reduction_push(reduction);
    }
    return sn_reduction_finish(reduction, &sum, err);
}

static sn_status run_allreduce(bench *b, sn_error *err)
{
    return reduce_once(b, false, err);
}

static bool has_reduction(const bench *b)
{
    return b->engine.context.size > 1 ||
           sn_reduction_of(b->engine.config.comm_reduce)->fixed_order;
}

static sn_status run_large_product(bench *b, sn_error *err)
{
    const size_t square = (size_t)LARGE * LARGE;
    const sn_gemm_shape shape = {
        .m = LARGE, .n = LARGE, .k = LARGE, .lda = LARGE, .ldb = LARGE};
    const float *a = b->scratch + b->third;
    const uint16_t *half = (const uint16_t *)a; /* any values serve */
    const sn_workspace *w = &b->engine.replica.workspace;
    if (b->engine.config.compute_precision == SN_PRECISION_BF16) {
        sn_products_run_bf16(w->products, w->backend, &shape, half, half + square,
                             b->scratch);
    } else {
        sn_products_run(w->products, w->backend, &shape, a, a + square, b->scratch);
    }
    const sn_status fault =
        sn_fault_check("bench.product", b->engine.context.rank, -1, err);
    return fault == SN_OK ? sn_products_status(w->products, err) : fault;
}

static sn_status run_triad(bench *b, sn_error *err)
{
    (void)err;
    sn_measure_triad(b->third, 0.5F, b->scratch + b->third, b->scratch + 2 * b->third,
                     b->scratch);
    return SN_OK;
}

typedef enum kind { STEPS, PRODUCTS, ALLREDUCE, LARGE_PRODUCT, TRIAD, KINDS } kind;

static const struct {
    sn_status (*run)(bench *b, sn_error *err);
    double share; /* share of options.seconds */
} measurement[KINDS] = {[STEPS] = {run_step, 1},
                        [PRODUCTS] = {run_products, 0.5},
                        [ALLREDUCE] = {run_allreduce, 0.25},
                        [LARGE_PRODUCT] = {run_large_product, 0.25},
                        [TRIAD] = {run_triad, 0.25}};

/* Sets *seconds to the time of count runs, which all ranks begin together. */
static sn_status timed(bench *b, kind which, int64_t count, double *seconds,
                       sn_error *err)
{
    /* Zeros stay finite in any number of reductions. */
    sn_status status = which == ALLREDUCE ? reduce_once(b, true, err) : SN_OK;
    if (status == SN_OK) {
        status = sn_comm_agree(b->engine.context.comm, SN_OK, err);
    }
    b->profile = (sn_profile){0};
    b->forward_products = 0;
    const double begun = sn_clock_seconds();
    for (int64_t i = 0; i < count && status == SN_OK; i++) {
        status = measurement[which].run(b, err);
    }
    *seconds = sn_clock_seconds() - begun;
    return sn_comm_agree(b->engine.context.comm, status, err);
}

/* Warms up and sets *count to the number of runs that fill the measurement's share of
 * seconds, the same on all ranks. */
static sn_status calibrate(bench *b, kind which, double seconds, int64_t *count,
                           sn_error *err)
{
    static const int64_t most = 1 << 24;
    const double target = seconds * measurement[which].share;
    double spent = 0;
    sn_status status = timed(b, which, 1, &spent, err);
    for (*count = 1; status == SN_OK; *count *= 2) {
        status = timed(b, which, *count, &spent, err);
        if (status == SN_OK) {
            status = sn_comm_sum_double(b->engine.context.comm, &spent, 1, err);
        }
        spent /= b->engine.context.size;
        if (status == SN_OK && (spent >= target / 4 || *count >= most)) {
            const double wanted = ceil((double)*count * target / spent);
            *count = wanted < 1 ? 1 : wanted < (double)most ? (int64_t)wanted : most;
            break;
        }
    }
    return status;
}

/* Runs each measurement once and sets the figures of this repeat. */
static sn_status repeat_once(bench *b, const int64_t count[KINDS], sample *into,
                             sn_error *err)
{
    double seconds[KINDS], *figure = into->figure; /* seconds of one run */
    const sn_profile *p = &b->profile;
    sn_status status = SN_OK;
    for (int k = 0; k < KINDS && status == SN_OK; k++) {
        const double n = (double)count[k];
        status = timed(b, (kind)k, count[k], &seconds[k], err);
        seconds[k] /= n;
        if (k == STEPS) {
            figure[SN_BENCH_GATHER] = p->gather / n;
            figure[SN_BENCH_FORWARD] = p->forward / n;
            figure[SN_BENCH_BACKWARD] = p->backward / n;
            figure[SN_BENCH_REDUCE] = p->reduce / n;
            figure[SN_BENCH_UPDATE] = p->update / n;
            figure[SN_BENCH_OTHER] = seconds[k] - sn_profile_total(p) / n;
        } else if (k == PRODUCTS) {
            figure[SN_BENCH_FORWARD_PRODUCTS] = b->forward_products / n;
        }
    }
    if (status != SN_OK) {
        return status;
    }
    figure[SN_BENCH_STEP] = seconds[STEPS];
    figure[SN_BENCH_PRODUCTS] = seconds[PRODUCTS];
    figure[SN_BENCH_BACKWARD_PRODUCTS] =
        seconds[PRODUCTS] - figure[SN_BENCH_FORWARD_PRODUCTS];
    figure[SN_BENCH_ALLREDUCE] = has_reduction(b) ? seconds[ALLREDUCE] : 0;
    figure[SN_BENCH_LARGE_PRODUCT] =
        2.0 * LARGE * LARGE * LARGE / seconds[LARGE_PRODUCT] * 1e-9;
    figure[SN_BENCH_TRIAD] =
        3.0 * (double)b->third * sizeof(float) / seconds[TRIAD] * 1e-9;
    figure[SN_BENCH_EFFICIENCY] = seconds[PRODUCTS] / seconds[STEPS];
    return SN_OK;
}

static int ascending(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void summarise(bench *b, size_t count, sn_bench_result *result)
{
    double *column = b->column;
    for (int f = 0; f < SN_BENCH_FIGURES; f++) {
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            column[i] = b->all[i].figure[f];
            sum += column[i];
        }
        qsort(column, count, sizeof *column, ascending);
        result->figure[f] = (sn_bench_spread){
            .min = column[0],
            .median = (column[(count - 1) / 2] + column[count / 2]) / 2,
            .max = column[count - 1],
            .mean = sum / (double)count};
    }
}

static void report(bench *b, const sn_bench_options *options, int64_t steps, FILE *out)
{
    const sn_engine *e = &b->engine;
    const size_t images = (size_t)(b->batch.end - b->batch.begin);
    sn_bench_result result = {
        .engine = e,
        .batch = (int64_t)images,
        .rows = (int64_t)rows_of(b, sn_reduction_own_microbatches(e->reduction).begin),
        .product_flops = sn_net_product_flops(&e->replica.network, images),
        .gradient_buffer_bytes = (double)b->gradient_buffer_bytes,
        .triad_bytes = 3.0 * (double)b->third * sizeof(float),
        .repeats = options->repeats,
        .steps = steps};
    summarise(b, (size_t)options->repeats * (size_t)e->context.size, &result);
    (options->json ? sn_bench_print_json : sn_bench_print)(out, &result);
}

static sn_status measure(bench *b, const sn_bench_options *options, FILE *out,
                         sn_error *err)
{
    const size_t repeats = (size_t)options->repeats;
    int64_t count[KINDS];
    sn_status status = SN_OK;
    for (int k = 0; k < KINDS && status == SN_OK; k++) {
        count[k] = 1;
        if (k != ALLREDUCE || has_reduction(b)) {
            status = calibrate(b, (kind)k, options->seconds, &count[k], err);
        }
    }
    for (size_t r = 0; r < repeats && status == SN_OK; r++) {
        status = repeat_once(b, count, &b->mine[r], err);
    }
    if (status == SN_OK) {
        status = sn_comm_gather(b->engine.context.comm, b->mine,
                                repeats * sizeof *b->mine, b->all, err);
    }
    if (status == SN_OK && b->engine.context.rank == 0) {
        report(b, options, count[STEPS], out);
    }
    return status;
}

/* Opens the engine of a training run, with its initial weights. */
static sn_status start(bench *b, sn_comm *comm, const sn_config *config, FILE *header,
                       sn_error *err)
{
    sn_engine *e = &b->engine;
    sn_status status = sn_engine_open(e, comm, config, err);
    if (status == SN_OK) {
        status = sn_engine_choose(e, err);
    }
    if (status != SN_OK) {
        return status;
    }
    const sn_console console = sn_console_open(e->context.rank, header, NULL, false);
    sn_console_header(&console, e);
    if (e->context.rank == 0) {
        sn_replica_draw(&e->replica, &e->config, e->cursor.position.seed);
    }
    sn_cursor_open_epoch(&e->cursor);
    b->batch = sn_cursor_batch(&e->cursor);
    b->full_steps = (int64_t)(e->cursor.samples / e->cursor.batch);
    b->full_steps = b->full_steps > 0 ? b->full_steps : 1;
    return sn_replica_distribute(comm, &e->replica, &e->cursor.position, err);
}

static sn_status allocate(bench *b, size_t repeats, sn_error *err)
{
    const sn_context *context = &b->engine.context;
    const size_t samples = context->rank == 0 ? repeats * (size_t)context->size : 0;
    b->gradient_buffer_bytes =
        (b->engine.replica.network.arena + SN_TAIL_ELEMENTS) * sizeof(float);
    /* A third of the scratch memory also holds both operands of the large product. */
    b->third = sn_measure_triad_count(sn_comm_node_size(context->comm));
    b->scratch = sn_alloc(3 * b->third, sizeof *b->scratch);
    b->mine = sn_alloc(repeats, sizeof *b->mine);
    b->all = sn_alloc(samples, sizeof *b->all);
    b->column = sn_alloc(samples, sizeof *b->column);
    if (b->scratch == NULL || b->mine == NULL || b->all == NULL || b->column == NULL) {
        return sn_fail(err, SN_ENOMEM,
                       "bench (%zu MiB per rank for the memory's bandwidth): out "
                       "of memory; use fewer ranks per node",
                       3 * b->third * sizeof(float) / MIB);
    }
    return sn_fault_check("bench.allocate", context->rank, -1, err);
}

sn_status sn_bench(sn_comm *comm, const sn_config *config,
                   const sn_bench_options *options, FILE *out, sn_error *err)
{
    bench b = {.third = 0};
    sn_status status = start(&b, comm, config, options->json ? NULL : out, err);
    if (status == SN_OK) {
        status = sn_comm_agree(comm, allocate(&b, (size_t)options->repeats, err), err);
    }
    if (status == SN_OK) {
        sn_measure_fill(3 * b.third, b.scratch);
        status = measure(&b, options, out, err);
    }
    free(b.scratch);
    free(b.mine);
    free(b.all);
    free(b.column);
    sn_engine_close(&b.engine);
    return status;
}
