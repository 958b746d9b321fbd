/* Measures the training step and, alternating with it in the same process, its limits.
 *
 * Each repeat runs every measurement of the table below once, each behind a barrier and
 * as many times as fill its share of options.seconds by the warm-up, so that a machine
 * that slows down or speeds up does so for all of them.  The counts come from the mean
 * over ranks: collectives match. */
#include "perf/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "nn/products/gemm.h"
#include "perf/bench_steps.h"
#include "perf/measure.h"
#include "train/tail.h"

enum { LARGE = 2048, MIB = 1 << 20 };

/* Figures of one rank in one repeat. */
typedef struct sample {
    double figure[SN_BENCH_FIGURES];
} sample;

typedef struct bench {
    sn_bench_steps steps;
    float *scratch;          /* (3, third): one written, two read */
    size_t third;            /* elements */
    size_t message_bytes;    /* of gradient || tail */
    double forward_products; /* seconds */
    sample *mine;            /* (repeats) */
    sample *all;             /* (size, repeats) on rank 0 */
    double *column;          /* (size * repeats) on rank 0 */
} bench;

static sn_status run_steps(bench *b, int64_t count, sn_error *err)
{
    return sn_bench_steps_run(&b->steps, count, err);
}

static size_t rows_of(const bench *b, int piece)
{
    const sn_range positions =
        sn_rank_range(b->steps.batch, piece,
                      sn_reduction_own_pieces(b->steps.engine.reduction).total);
    return (size_t)(positions.end - positions.begin);
}

static sn_status run_products(bench *b, int64_t count, sn_error *err)
{
    (void)err;
    sn_reduction *reduction = b->steps.engine.reduction;
    sn_replica *r = &b->steps.engine.replica;
    const sn_pieces pieces = sn_reduction_own_pieces(reduction);
    b->forward_products = 0;
    for (int64_t i = 0; i < count; i++) {
        for (int piece = pieces.begin; piece < pieces.end; piece++) {
            const size_t rows = rows_of(b, piece);
            double forward_seconds;
            (void)sn_net_time_products(&r->network, r->parameters, &r->workspace,
                                       r->batch.x, rows, sn_reduction_buffer(reduction),
                                       &forward_seconds);
            b->forward_products += forward_seconds;
        }
    }
    return SN_OK;
}

/* The reduction of a step, of what the buffers hold or of zeros. */
static sn_status reduce_once(bench *b, bool zero, sn_error *err)
{
    sn_reduction *reduction = b->steps.engine.reduction;
    const sn_pieces pieces = sn_reduction_own_pieces(reduction);
    const float *sum;
    sn_reduction_begin(reduction);
    for (int piece = pieces.begin; piece < pieces.end; piece++) {
        if (zero) {
            memset(sn_reduction_buffer(reduction), 0, b->message_bytes);
        }
        sn_reduction_push(reduction);
    }
    return sn_reduction_finish(reduction, &sum, err);
}

static sn_status run_allreduce(bench *b, int64_t count, sn_error *err)
{
    sn_status status = SN_OK;
    for (int64_t i = 0; i < count && status == SN_OK; i++) {
        status = reduce_once(b, false, err);
    }
    return status;
}

static bool has_fixed_order(const bench *b)
{
    return sn_reduction_acting(b->steps.engine.reduction)->fixed_order;
}

static bool has_reduction(const bench *b)
{
    return b->steps.engine.context.size > 1 || has_fixed_order(b);
}

static sn_status run_large_product(bench *b, int64_t count, sn_error *err)
{
    (void)err;
    const size_t square = (size_t)LARGE * LARGE;
    const sn_gemm_shape shape = {
        .m = LARGE, .n = LARGE, .k = LARGE, .lda = LARGE, .ldb = LARGE};
    const float *a = b->scratch + b->third;
    const uint16_t *half = (const uint16_t *)a; /* any bytes will do */
    const sn_workspace *w = &b->steps.engine.replica.workspace;
    const bool bf16 = b->steps.engine.config.compute_precision == SN_PRECISION_BF16;
    for (int64_t i = 0; i < count; i++) {
        if (bf16) {
            sn_gemm_bf16_run(w->gemm, w->backend, &shape, half, half + square,
                             b->scratch);
        } else {
            sn_gemm(w->backend, &shape, a, a + square, b->scratch);
        }
    }
    return SN_OK;
}

static sn_status run_triad(bench *b, int64_t count, sn_error *err)
{
    (void)err;
    for (int64_t i = 0; i < count; i++) {
        sn_measure_triad(b->third, (float)(i + 1), b->scratch + b->third,
                         b->scratch + 2 * b->third, b->scratch);
    }
    return SN_OK;
}

typedef enum kind { STEPS, PRODUCTS, ALLREDUCE, LARGE_PRODUCT, TRIAD, KINDS } kind;

static const struct {
    sn_status (*run)(bench *b, int64_t count, sn_error *err);
    double share; /* of the seconds of a repeat's steps */
} measurement[KINDS] = {[STEPS] = {run_steps, 1},
                        [PRODUCTS] = {run_products, 0.5},
                        [ALLREDUCE] = {run_allreduce, 0.25},
                        [LARGE_PRODUCT] = {run_large_product, 0.25},
                        [TRIAD] = {run_triad, 0.25}};

/* Measures the seconds of count runs, which all ranks begin together. */
static sn_status timed(bench *b, kind which, int64_t count, double *seconds,
                       sn_error *err)
{
    /* sums of zeros stay finite, however often they are taken */
    sn_status status = which == ALLREDUCE ? reduce_once(b, true, err) : SN_OK;
    if (status == SN_OK) {
        status = sn_comm_agree(b->steps.engine.context.comm, SN_OK, err);
    }
    const double begun = sn_clock_seconds();
    if (status == SN_OK) {
        status = measurement[which].run(b, count, err);
    }
    *seconds = sn_clock_seconds() - begun;
    return status;
}

/* Warms up and finds the number of runs that fill the measurement's share of seconds,
 * the same on all ranks. */
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
            status = sn_comm_sum_double(b->steps.engine.context.comm, &spent, 1, err);
        }
        spent /= b->steps.engine.context.size;
        if (status == SN_OK && (spent >= target / 4 || *count >= most)) {
            const double wanted = ceil((double)*count * target / spent);
            *count = wanted < 1 ? 1 : wanted < (double)most ? (int64_t)wanted : most;
            break;
        }
    }
    return status;
}

static void note_parts(const bench *b, int64_t steps, double seconds, double *figure)
{
    const sn_profile *p = &b->steps.profile;
    const double n = (double)steps;
    figure[SN_BENCH_GATHER] = p->gather / n;
    figure[SN_BENCH_FORWARD] = p->forward / n;
    figure[SN_BENCH_BACKWARD] = p->backward / n;
    figure[SN_BENCH_REDUCE] = p->reduce / n;
    figure[SN_BENCH_UPDATE] = p->update / n;
    figure[SN_BENCH_OTHER] = (seconds - sn_profile_total(p)) / n;
    figure[SN_BENCH_STEP] = seconds / n;
}

/* Runs each measurement once. */
static sn_status repeat_once(bench *b, const int64_t count[KINDS], sample *into,
                             sn_error *err)
{
    double seconds[KINDS], *figure = into->figure;
    sn_status status = SN_OK;
    for (int k = 0; k < KINDS && status == SN_OK; k++) {
        status = timed(b, (kind)k, count[k], &seconds[k], err);
        if (status == SN_OK && k == STEPS) {
            note_parts(b, count[k], seconds[k], figure);
        }
    }
    if (status != SN_OK) {
        return status;
    }
    const double runs = (double)count[PRODUCTS];
    figure[SN_BENCH_PRODUCTS] = seconds[PRODUCTS] / runs;
    figure[SN_BENCH_FORWARD_PRODUCTS] = b->forward_products / runs;
    figure[SN_BENCH_BACKWARD_PRODUCTS] =
        (seconds[PRODUCTS] - b->forward_products) / runs;
    figure[SN_BENCH_ALLREDUCE] =
        has_reduction(b) ? seconds[ALLREDUCE] / (double)count[ALLREDUCE] : 0;
    figure[SN_BENCH_LARGE_PRODUCT] = 2.0 * LARGE * LARGE * LARGE *
                                     (double)count[LARGE_PRODUCT] /
                                     seconds[LARGE_PRODUCT] * 1e-9;
    figure[SN_BENCH_TRIAD] = 3.0 * (double)b->third * sizeof(float) *
                             (double)count[TRIAD] / seconds[TRIAD] * 1e-9;
    figure[SN_BENCH_EFFICIENCY] = figure[SN_BENCH_PRODUCTS] / figure[SN_BENCH_STEP];
    return SN_OK;
}

static void summarise(bench *b, size_t count, sn_bench_result *result)
{
    double *column = b->column;
    for (int f = 0; f < SN_BENCH_FIGURES; f++) {
        for (size_t i = 0; i < count; i++) {
            column[i] = b->all[i].figure[f];
        }
        result->figure[f] = sn_bench_spread_of(column, count);
    }
}

static void describe(const bench *b, sn_bench_result *result)
{
    const sn_engine *e = &b->steps.engine;
    const sn_network *network = &e->replica.network;
    const size_t images = (size_t)(b->steps.batch.end - b->steps.batch.begin);
    *result = (sn_bench_result){
        .ranks = e->context.size,
        .nodes = sn_comm_node_count(e->context.comm),
        .node_ranks = sn_comm_node_size(e->context.comm),
        .node_cores = e->context.cores.node_cores,
        .threads = e->context.threads,
        .backend = e->replica.workspace.backend,
        .layers = network->layers,
        .width = {network->input},
        .parameters = network->parameters,
        .batch = (int64_t)images,
        .reduce = (sn_reduce_kind)e->config.comm_reduce,
        .rows = (int64_t)rows_of(b, sn_reduction_own_pieces(e->reduction).begin),
        .distorts = e->replica.batch.augment != NULL,
        .product_flops = sn_net_product_flops(network, images),
        .message_bytes = (double)b->message_bytes,
        .triad_bytes = 3.0 * (double)b->third * sizeof(float)};
    for (size_t l = 0; l < network->layers; l++) {
        result->width[l + 1] = network->layer[l].out;
    }
}

static sn_status measure(bench *b, const sn_bench_options *options,
                         sn_bench_result *result, sn_error *err)
{
    const size_t repeats = (size_t)options->repeats,
                 ranks = (size_t)b->steps.engine.context.size;
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
        status = sn_comm_gather(b->steps.engine.context.comm, b->mine,
                                repeats * sizeof *b->mine, b->all, err);
    }
    if (status == SN_OK && b->steps.engine.context.rank == 0) {
        describe(b, result);
        result->repeats = options->repeats;
        result->steps = count[STEPS];
        summarise(b, repeats * ranks, result);
    }
    return status;
}

static sn_status allocate(bench *b, size_t repeats, sn_error *err)
{
    const size_t samples = repeats * (size_t)b->steps.engine.context.size;
    b->message_bytes =
        (b->steps.engine.replica.network.arena + SN_TAIL_ELEMENTS) * sizeof(float);
    /* a third holds both operands of the large product too */
    b->third = sn_measure_triad_count(sn_comm_node_size(b->steps.engine.context.comm));
    b->scratch = sn_alloc(3 * b->third, sizeof(float));
    b->mine = calloc(repeats, sizeof *b->mine);
    if (b->steps.engine.context.rank == 0) {
        b->all = calloc(samples, sizeof *b->all);
        b->column = calloc(samples, sizeof *b->column);
    }
    if (b->scratch == NULL || b->mine == NULL ||
        (b->steps.engine.context.rank == 0 && (b->all == NULL || b->column == NULL))) {
        return sn_fail(err, SN_ENOMEM,
                       "bench (%zu MiB per rank for the memory's bandwidth): out "
                       "of memory; use fewer ranks on a node",
                       3 * b->third * sizeof(float) / MIB);
    }
    return sn_fault_check("bench.allocate", b->steps.engine.context.rank, -1, err);
}

static void release(bench *b)
{
    free(b->scratch);
    free(b->mine);
    free(b->all);
    free(b->column);
}

sn_status sn_bench(sn_comm *comm, const sn_config *config,
                   const sn_bench_options *options, sn_bench_result *result,
                   sn_error *err)
{
    bench *b = calloc(1, sizeof *b);
    sn_status status = b == NULL ? sn_fail(err, SN_ENOMEM, "out of memory") : SN_OK;
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        status = sn_bench_steps_open(&b->steps, comm, config, options->header, err);
    }
    if (status != SN_OK) {
        free(b);
        return status;
    }
    status = sn_comm_agree(comm, allocate(b, (size_t)options->repeats, err), err);
    if (status == SN_OK) {
        sn_measure_fill(3 * b->third, b->scratch);
        status = measure(b, options, result, err);
    }
    release(b);
    sn_bench_steps_close(&b->steps);
    free(b);
    return status;
}
