/* SPDX-License-Identifier: BSD-3-Clause */
/** The benchmark of a training step: the time of its parts, and the limits of the
 *  machine measured in the same run. */
#ifndef SHARDNET_PERF_BENCH_H
#define SHARDNET_PERF_BENCH_H

#include <stdint.h>
#include <stdio.h>

#include "train/step/engine.h"

/** The figures, measured on every rank in every repeat: name, unit. */
#define SN_BENCH_TABLE(X)                                                              \
    X(SN_BENCH_GATHER, gather, seconds)     /* parts of a step, in its order */        \
    X(SN_BENCH_FORWARD, forward, seconds)   /* with the loss */                        \
    X(SN_BENCH_BACKWARD, backward, seconds) /* gradients of the layers */              \
    X(SN_BENCH_REDUCE, reduce, seconds)     /* with waiting for other ranks */         \
    X(SN_BENCH_UPDATE, update, seconds)     /* penalties, momentum, max-norm */        \
    X(SN_BENCH_OTHER, other, seconds)       /* the rest of the step */                 \
    X(SN_BENCH_STEP, step, seconds)         /* the whole step */                       \
    X(SN_BENCH_FORWARD_PRODUCTS, forward_products, seconds)   /* run alone */          \
    X(SN_BENCH_BACKWARD_PRODUCTS, backward_products, seconds) /* run alone */          \
    X(SN_BENCH_PRODUCTS, products, seconds)                   /* both together */      \
    X(SN_BENCH_ALLREDUCE, allreduce, seconds) /* reduction of a step, alone */         \
    X(SN_BENCH_LARGE_PRODUCT, large_product, gflop_per_second) /* 2048 cubed */        \
    X(SN_BENCH_TRIAD, triad, gigabytes_per_second) /* a = b + s c, one thread */       \
    X(SN_BENCH_EFFICIENCY, efficiency, ratio)      /* products / step */

#define SN_BENCH_ENUM(symbol, name, unit) symbol,
typedef enum sn_bench_figure {
    SN_BENCH_TABLE(SN_BENCH_ENUM) SN_BENCH_FIGURES
} sn_bench_figure;
#undef SN_BENCH_ENUM

/** A figure over all ranks and repeats. */
typedef struct sn_bench_spread {
    double min, median, max, mean;
} sn_bench_spread;

/** The results of bench; valid while the engine exists. */
typedef struct sn_bench_result {
    const sn_engine *engine;
    int64_t batch;        /* images of a step over all ranks */
    int64_t rows;         /* rows of the products on rank 0 */
    double product_flops; /* operations of the products per step, over all ranks */
    double gradient_buffer_bytes;
    double triad_bytes; /* size of the three arrays of one rank together */
    int repeats;
    int64_t steps; /* number of steps per repeat */
    sn_bench_spread figure[SN_BENCH_FIGURES];
} sn_bench_result;

/** Print tables for people, or one JSON object on one line.  Rank 0 only. */
void sn_bench_print(FILE *out, const sn_bench_result *result);
void sn_bench_print_json(FILE *out, const sn_bench_result *result);

typedef struct sn_bench_options {
    double seconds; /* approximate duration of the steps of a repeat; > 0 */
    int repeats;    /* at least 1 */
    bool json;      /* print JSON instead of the first lines of train and tables */
} sn_bench_options;

/** Runs training steps of config, with its data and initial weights, and between them
 *  measures the limits: the products of the step alone, the reduction alone, one large
 *  product, a triad.  All ranks run each measurement at once, after a warm-up.  The
 *  steps use full batches only and repeat the epochs of the configuration.  Rank 0
 *  prints to out; bench writes no file.  It needs triad_bytes more memory than
 *  training: 96 to 512 MiB per rank.  Collective; config and options must be the same
 *  on all ranks; all ranks return the same status.  Errors: SN_ECONFIG, SN_ENOINPUT,
 *  SN_EDATA, SN_ERANGE, SN_ENOMEM, SN_EDIVERGED; SN_EMPI, after which the caller may
 *  call only sn_comm_abort. */
sn_status sn_bench(sn_comm *comm, const sn_config *config,
                   const sn_bench_options *options, FILE *out,
                   sn_error *err) SN_MUST_CHECK;

#endif
