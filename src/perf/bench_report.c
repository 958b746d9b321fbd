/* SPDX-License-Identifier: BSD-3-Clause */
/* The report of bench: tables, notes and JSON. */
#include <inttypes.h>
#include <math.h>

#include "nn/products/gemm.h"
#include "perf/bench.h"
#include "shardnet/version.h"

static double median(const sn_bench_result *r, sn_bench_figure figure)
{
    return r->figure[figure].median;
}

/* Returns the share of a figure in the mean step: the shares of all parts sum to 1. */
static double share(const sn_bench_result *r, sn_bench_figure figure)
{
    return r->figure[figure].mean / r->figure[SN_BENCH_STEP].mean;
}

/* The parts of a step, in its order, and their matrix products; SN_BENCH_FIGURES for a
 * part without products. */
static const struct {
    const char *name;
    sn_bench_figure figure, products;
} parts[] = {{"gather", SN_BENCH_GATHER, SN_BENCH_FIGURES},
             {"forward", SN_BENCH_FORWARD, SN_BENCH_FORWARD_PRODUCTS},
             {"backward", SN_BENCH_BACKWARD, SN_BENCH_BACKWARD_PRODUCTS},
             {"reduce", SN_BENCH_REDUCE, SN_BENCH_FIGURES},
             {"update", SN_BENCH_UPDATE, SN_BENCH_FIGURES},
             {"other", SN_BENCH_OTHER, SN_BENCH_FIGURES}};

enum { PARTS = sizeof parts / sizeof parts[0] };

/* The time of a part outside the matrix products, as a mean over ranks and repeats. */
typedef struct cost {
    const char *name;
    double seconds;
} cost;

static cost largest_cost(const sn_bench_result *r)
{
    cost largest = {"", -INFINITY};
    for (int i = 0; i < PARTS; i++) {
        const double products = parts[i].products == SN_BENCH_FIGURES
                                    ? 0
                                    : r->figure[parts[i].products].mean;
        const double seconds = r->figure[parts[i].figure].mean - products;
        if (seconds > largest.seconds) {
            largest = (cost){parts[i].name, seconds};
        }
    }
    return largest;
}

enum { ADVICE_MAX = 3, ADVICE_BYTES = 256 };

/* Writes a sentence; returns true if the sentence is true. */
typedef bool adviser(const sn_bench_result *r, char text[ADVICE_BYTES]);

static const double large_share = 0.2;

static bool crowded(const sn_bench_result *r, char *text)
{
    const sn_context *context = &r->engine->context;
    const int ranks = sn_comm_node_size(context->comm);
    const int cores = context->cores.node_cores;
    snprintf(
        text, ADVICE_BYTES,
        "%d ranks share %d cores of a node, so that at most %d of them run at once",
        ranks, cores, cores);
    return ranks > cores;
}

static bool uneven(const sn_bench_result *r, char *text)
{
    const sn_bench_spread *step = &r->figure[SN_BENCH_STEP];
    snprintf(
        text, ADVICE_BYTES,
        "the slowest repeat took %.1f times as long as the fastest, often because of "
        "other work on these cores: measure again on an idle machine",
        step->max / step->min);
    return step->max >= 1.3 * step->min;
}

static bool much_reduce(const sn_bench_result *r, char *text)
{
    const double fraction = share(r, SN_BENCH_REDUCE);
    const double alone =
        r->figure[SN_BENCH_ALLREDUCE].mean / r->figure[SN_BENCH_REDUCE].mean;
    if (alone >= 0.5) {
        snprintf(
            text, ADVICE_BYTES,
            "reduce is %.0f %% of a step, most of it communication: fewer ranks or a "
            "larger train.batch make this share smaller",
            100 * fraction);
    } else {
        snprintf(
            text, ADVICE_BYTES,
            "reduce is %.0f %% of a step, communication alone %.0f %%: the rest is "
            "mostly waiting for slower ranks",
            100 * fraction, 100 * fraction * alone);
    }
    return r->engine->context.size > 1 && fraction >= large_share;
}

static bool small_products(const sn_bench_result *r, char *text)
{
    const double rate = r->product_flops / r->engine->context.size /
                        median(r, SN_BENCH_PRODUCTS) * 1e-9;
    const double fraction = rate / median(r, SN_BENCH_LARGE_PRODUCT);
    snprintf(text, ADVICE_BYTES,
             "the products of the model reach %.0f %% of the rate of a large product, "
             "with %" PRId64
             " rows on rank 0: a larger train.batch%s makes them larger",
             100 * fraction, r->rows,
             sn_reduction_of(r->engine->config.comm_reduce)->fixed_order
                 ? " or fewer comm.leaves"
             : r->engine->context.size > 1 ? " or fewer ranks"
                                           : "");
    return fraction < 0.5;
}

static bool much_update(const sn_bench_result *r, char *text)
{
    const double fraction = share(r, SN_BENCH_UPDATE);
    snprintf(
        text, ADVICE_BYTES,
        "update is %.0f %% of a step and takes the same time for any batch: a larger "
        "train.batch makes this share smaller",
        100 * fraction);
    return fraction >= large_share;
}

static bool much_gather(const sn_bench_result *r, char *text)
{
    const double fraction = share(r, SN_BENCH_GATHER);
    snprintf(text, ADVICE_BYTES, "gather is %.0f %% of a step%s", 100 * fraction,
             r->engine->replica.batch.augment != NULL
                 ? ": most of it is spent on the distortions of [augment]; elastic "
                   "takes several times as long as affine"
                 : "; it grows with the batch and the size of the images");
    return fraction >= large_share;
}

/* Prints the notes that apply, at most ADVICE_MAX in the order of the table: each
 * between begin and end, with separators between them. */
static void print_advice(FILE *out, const sn_bench_result *r, const char *separator,
                         const char *begin, const char *end)
{
    static adviser *const advisers[] = {crowded,        uneven,      much_reduce,
                                        small_products, much_update, much_gather};
    char text[ADVICE_BYTES];
    int count = 0;
    for (size_t i = 0; i < sizeof advisers / sizeof advisers[0]; i++) {
        if (count < ADVICE_MAX && advisers[i](r, text)) {
            fprintf(out, "%s%s%s%s", count++ > 0 ? separator : "", begin, text, end);
        }
    }
}

static void print_times(FILE *out, const sn_bench_result *r, const char *name,
                        sn_bench_figure figure, sn_bench_figure products)
{
    const sn_bench_spread *f = &r->figure[figure];
    fprintf(out, "%-14s%12.1f%12.1f%12.1f%9.1f %%", name, 1e6 * f->min, 1e6 * f->median,
            1e6 * f->max, 100 * share(r, figure));
    if (products != SN_BENCH_FIGURES) {
        fprintf(out, "%18.1f", 1e6 * median(r, products));
    }
    fputc('\n', out);
}

static void print_step(FILE *out, const sn_bench_result *r)
{
    fprintf(out, "%-14s%12s%12s%12s%11s%18s\n", "microseconds", "min", "median", "max",
            "share", "products alone");
    for (int i = 0; i < PARTS; i++) {
        print_times(out, r, parts[i].name, parts[i].figure, parts[i].products);
    }
    print_times(out, r, "step", SN_BENCH_STEP, SN_BENCH_PRODUCTS);
}

static void print_limit(FILE *out, const char *name, const sn_bench_spread *f,
                        double scale, const char *unit)
{
    fprintf(out, "%-14s%12.1f%12.1f%12.1f  %s\n", name, scale * f->min,
            scale * f->median, scale * f->max, unit);
}

static void print_limits(FILE *out, const sn_bench_result *r)
{
    const sn_bench_spread *f = r->figure;
    char unit[80];
    fprintf(out, "%-14s%12s%12s%12s  per rank, all ranks at once\n", "limits", "min",
            "median", "max");
    print_limit(out, "products", &f[SN_BENCH_PRODUCTS], 1e6,
                "us, products of a step alone");
    if (f[SN_BENCH_ALLREDUCE].max > 0) {
        snprintf(unit, sizeof unit, "us, reduction of %.3f MB alone",
                 1e-6 * r->gradient_buffer_bytes);
        print_limit(out, "allreduce", &f[SN_BENCH_ALLREDUCE], 1e6, unit);
    }
    print_limit(out, "large product", &f[SN_BENCH_LARGE_PRODUCT], 1,
                "GFLOP/s, 2048 cubed");
    snprintf(unit, sizeof unit, "GB/s, one thread, %.0f MB", 1e-6 * r->triad_bytes);
    print_limit(out, "triad", &f[SN_BENCH_TRIAD], 1, unit);
}

void sn_bench_print(FILE *out, const sn_bench_result *r)
{
    const double step = median(r, SN_BENCH_STEP);
    const sn_bench_spread *e = &r->figure[SN_BENCH_EFFICIENCY];
    const cost most = largest_cost(r);
    fprintf(out,
            "batch    %" PRId64 " images, products of %" PRId64
            " rows on rank 0; %d repeats of %" PRId64 " steps\n\n",
            r->batch, r->rows, r->repeats, r->steps);
    print_step(out, r);
    fputc('\n', out);
    print_limits(out, r);
    fprintf(out, "\nspeed       %.0f images/s, %.2f GFLOP/s (%.2f per rank)\n",
            (double)r->batch / step, 1e-9 * r->product_flops / step,
            1e-9 * r->product_flops / step / r->engine->context.size);
    fprintf(out, "efficiency  %.1f %% (%.1f .. %.1f): products alone / step\n",
            100 * e->median, 100 * e->min, 100 * e->max);
    fprintf(out, "costs most  %s, %.1f us outside the products, %.1f %% of a step\n",
            most.name, 1e6 * most.seconds,
            100 * most.seconds / r->figure[SN_BENCH_STEP].mean);
    print_advice(out, r, "", "note        ", "\n");
}

/* ---- JSON: no string below needs escapes */

static void print_json_job(FILE *out, const sn_bench_result *r)
{
    const sn_context *context = &r->engine->context;
    const sn_network *network = &r->engine->replica.network;
    fprintf(out,
            "{\"program_version\": \"%s\", \"blas\": \"%s\", \"reduce\": \"%s\", "
            "\"ranks\": %d, \"nodes\": %d, \"node_ranks\": %d, \"node_cores\": %d, "
            "\"threads_per_rank\": %d, \"model_widths\": [%zu",
            sn_version(), sn_gemm_library(r->engine->replica.workspace.backend),
            sn_config_choice_name("comm", "reduce", r->engine->config.comm_reduce),
            context->size, sn_comm_node_count(context->comm),
            sn_comm_node_size(context->comm), context->cores.node_cores,
            context->threads, network->input);
    for (size_t l = 0; l < network->layers; l++) {
        fprintf(out, ", %zu", network->layer[l].out);
    }
    fprintf(out,
            "], \"parameters\": %zu, \"batch_images\": %" PRId64
            ", \"rank0_product_rows\": %" PRId64
            ", \"repeats\": %d, \"steps_per_repeat\": %" PRId64
            ", \"product_flop_per_step\": %.0f, \"message_bytes\": %.0f, "
            "\"triad_bytes\": %.0f",
            network->parameters, r->batch, r->rows, r->repeats, r->steps,
            r->product_flops, r->gradient_buffer_bytes, r->triad_bytes);
}

static void print_json_figures(FILE *out, const sn_bench_result *r)
{
#define NAME(symbol, name, unit) #name "_" #unit,
    static const char *const names[] = {SN_BENCH_TABLE(NAME)};
#undef NAME
    for (int i = 0; i < SN_BENCH_FIGURES; i++) {
        const sn_bench_spread *f = &r->figure[i];
        fprintf(out,
                ", \"%s\": {\"min\": %.9g, \"median\": %.9g, \"max\": %.9g, "
                "\"mean\": %.9g}",
                names[i], f->min, f->median, f->max, f->mean);
    }
}

void sn_bench_print_json(FILE *out, const sn_bench_result *r)
{
    const double step = median(r, SN_BENCH_STEP);
    const cost most = largest_cost(r);
    print_json_job(out, r);
    print_json_figures(out, r);
    fprintf(out,
            ", \"images_per_second\": %.9g, \"gflop_per_second\": %.9g, "
            "\"costs_most\": \"%s\", \"costs_most_seconds\": %.9g, \"notes\": [",
            (double)r->batch / step, 1e-9 * r->product_flops / step, most.name,
            most.seconds);
    print_advice(out, r, ", ", "\"", "\"");
    fputs("]}\n", out);
}
