/* SPDX-License-Identifier: BSD-3-Clause */
/** What a training step costs, against what the machine can do. */
#ifndef SHARDNET_PERF_BENCH_H
#define SHARDNET_PERF_BENCH_H

#include <stdint.h>
#include <stdio.h>

#include "train/engine.h"

/** What is measured, on every rank in every repeat: name, unit. */
#define SN_BENCH_TABLE(X)                                                              \
    X(SN_BENCH_GATHER, gather, seconds)     /* parts of a step, in its order */        \
    X(SN_BENCH_FORWARD, forward, seconds)   /* with the loss */                        \
    X(SN_BENCH_BACKWARD, backward, seconds) /* gradients of the layers */              \
    X(SN_BENCH_REDUCE, reduce, seconds)     /* sum over ranks, with waiting */         \
    X(SN_BENCH_UPDATE, update, seconds)     /* penalties, momentum, max-norm */        \
    X(SN_BENCH_OTHER, other, seconds)       /* the rest of the step */                 \
    X(SN_BENCH_STEP, step, seconds)         /* all of it */                            \
    X(SN_BENCH_FORWARD_PRODUCTS, forward_products, seconds)   /* run alone */          \
    X(SN_BENCH_BACKWARD_PRODUCTS, backward_products, seconds) /* run alone */          \
    X(SN_BENCH_PRODUCTS, products, seconds)                   /* both together */      \
    X(SN_BENCH_ALLREDUCE, allreduce, seconds) /* the step's message alone */           \
    X(SN_BENCH_LARGE_PRODUCT, large_product, gflop_per_second) /* 2048 cubed */        \
    X(SN_BENCH_TRIAD, triad, gigabytes_per_second) /* a = b + s c, one thread */       \
    X(SN_BENCH_EFFICIENCY, efficiency, ratio)      /* products / step */

#define SN_BENCH_ENUM(symbol, name, unit) symbol,
typedef enum sn_bench_figure {
    SN_BENCH_TABLE(SN_BENCH_ENUM) SN_BENCH_FIGURES
} sn_bench_figure;
#undef SN_BENCH_ENUM

/** Over all ranks and repeats. */
typedef struct sn_bench_spread {
    double min, median, max, mean;
} sn_bench_spread;

/** What bench found, while its engine lives. */
typedef struct sn_bench_result {
    const sn_engine *engine;
    int64_t batch;                /* images of a step over all ranks */
    int64_t rows;                 /* of the products of rank 0 */
    double product_flops;         /* of a step over all ranks */
    double gradient_buffer_bytes; /* of the gradient buffer */
    double triad_bytes;           /* of the three arrays of one rank together */
    int repeats;
    int64_t steps; /* of a repeat */
    sn_bench_spread figure[SN_BENCH_FIGURES];
} sn_bench_result;

/** Tables for people, or one JSON object on one line.  Rank 0. */
void sn_bench_print(FILE *out, const sn_bench_result *result);
void sn_bench_print_json(FILE *out, const sn_bench_result *result);

typedef struct sn_bench_options {
    double seconds; /* of steps in each repeat, at least about this much; > 0 */
    int repeats;    /* at least 1 */
    bool json;      /* print JSON instead of tables with the first lines of train */
} sn_bench_options;

/** Runs training steps of config, on its data, from its initial weights, and between
 *  them the limits: the products of the step alone, the reduction alone, one large
 *  product, a triad.  Everything runs on all ranks at once, after a warm-up.  The steps
 *  use full batches only and repeat the epochs of the configuration.  Rank 0 prints to
 *  out; no file is written.  Memory beyond that of training: triad_bytes, 96 to 512 MiB
 *  per rank.  Collective; config and options are the same on all ranks.  SN_ECONFIG,
 *  SN_ENOINPUT, SN_EDATA, SN_ERANGE, SN_ENOMEM, SN_EDIVERGED; SN_EMPI, after which only
 *  sn_comm_abort is left. */
sn_status sn_bench(sn_comm *comm, const sn_config *config,
                   const sn_bench_options *options, FILE *out,
                   sn_error *err) SN_MUST_CHECK;

#endif
