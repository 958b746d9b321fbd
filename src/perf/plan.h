/* SPDX-License-Identifier: BSD-3-Clause */
/** What a run would take, without running it: memory, message, operations, and the time
 *  of a step by a model.
 *
 *  A step of the rank with the largest slice, message of m bytes, p ranks:
 *      compute = operations of its products / rate, the rate being that of products
 *                with all that the network does between them
 *      gather  = 5 bytes a pixel / memory
 *      sum     = 2 ceil(log2 p) latency + 2 (p - 1) / p m / bandwidth
 *      update  = 20 bytes a parameter / memory, or a cache that holds the model:
 *                three arrays read, two written
 *  (sum: Rabenseifner 2004).  Ranks of one node sum in 1 us a message at a third of the
 *  memory's rate.  Of a reduction during the backward pass, what
 *  hides behind it, two thirds of compute, is taken off.  Left out: distortions,
 *  neighbours that share a memory or a cache, waiting for slow ranks, checkpoints and
 *  evaluation. */
#ifndef SHARDNET_PERF_PLAN_H
#define SHARDNET_PERF_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "nn/net.h"
#include "shardnet/status.h"

/** Memory of a process besides what is counted: program, libraries, MPI's buffers.  As
 *  found with Open MPI 4.1 and two ranks on a node. */
enum { SN_PLAN_PROCESS_MIB = 32 };

/** What is known before a number of ranks is chosen. */
typedef struct sn_plan_base {
    sn_config config;
    sn_dataset_shape data;
    bool data_assumed; /* the files were not found: MNIST's sizes are taken */
    size_t data_bytes; /* a node */
    size_t train_count;
    sn_network network;
    int64_t updates;                     /* of an epoch */
    int64_t batch;                       /* images of a full step */
    double gradient_buffer_bytes, flops; /* of a step, of all ranks together */
    size_t checkpoint_bytes;             /* about, on the disk */
} sn_plan_base;

/** Rates of one rank and of the network between nodes; a rank has threads threads. */
typedef struct sn_plan_rates {
    int threads;
    double flops_per_second;  /* 0: to be measured */
    double memory_per_second; /* bytes; 0: to be measured, with the next */
    double update_per_second; /* the same on arrays of the model's size */
    double latency_seconds, bytes_per_second; /* of the network */
} sn_plan_rates;

/** For one number of ranks; bytes of one rank unless it says otherwise. */
typedef struct sn_plan {
    int ranks, nodes, node_ranks;          /* node_ranks: on the fullest node */
    int64_t largest_shard, smallest_shard; /* slices of a full batch, images */
    int empty_shards;                      /* ranks without an image in a full batch */
    bool refused;                          /* train refuses this number of ranks */
    int64_t last_batch;                    /* images of an epoch's last batch */
    size_t parameters, velocities;         /* parameters with their bf16 copy, if any */
    size_t reduction;   /* gradients and what their sum needs, rank 0 */
    size_t activations; /* and the workspace around them */
    size_t batch;       /* a slice's images as floats, labels, numbers */
    size_t rank_bytes;  /* all of these */
    size_t copy, file;  /* rank 0 besides: for a checkpoint, while written */
    size_t node_bytes;  /* the node of rank 0: ranks, data, processes */
    double compute_seconds, gather_seconds, reduce_seconds, update_seconds,
        step_seconds;
    double hidden_seconds; /* of the sum, behind the backward pass */
} sn_plan;

/** Model and sizes of data: from the headers of the files where they are found, else
 *  those of MNIST for mnist, and for idx with data_assumed.  The caller clears *base,
 * on failure too.  SN_ECONFIG, SN_EDATA, SN_ERANGE, SN_ENOMEM. */
sn_status sn_plan_open(const sn_config *config, sn_plan_base *base,
                       sn_error *err) SN_MUST_CHECK;
void sn_plan_clear(sn_plan_base *base);

/** Fills in the rates that are 0: gradients of the model on slices of rows images,
 * fewer where these would take long, and triads on large arrays and on some of the
 * model's size.  Takes about a second, and 96 to 512 MiB.  SN_ENOMEM. */
sn_status sn_plan_measure(const sn_plan_base *base, int64_t rows, sn_plan_rates *rates,
                          sn_error *err) SN_MUST_CHECK;

/** The plan for ranks >= 1 ranks, node_ranks >= 1 on a node.  Pure. */
sn_plan sn_plan_make(const sn_plan_base *base, const sn_plan_rates *rates, int ranks,
                     int node_ranks);

#endif
