/* SPDX-License-Identifier: BSD-3-Clause */
/** The plan: memory, communication, operations and time per step of a run, predicted
 *  without running it.  No function is collective.
 *
 *  The time of a step on the rank with the largest shard, for a gradient buffer of n
 *  bytes on m nodes with q ranks each:
 *      compute   = operations of the matrix products / rate; the rate includes the
 *                  work between the products
 *      gather    = 5 bytes per pixel / memory bandwidth
 *      reduction = R(q) inside a node + max(link, core) between nodes, where
 *      R(q)      = 2 ceil(log2 q) latency + 2 (q - 1) / q n / bandwidth
 *                  (Rabenseifner 2004)
 *      link      = messages latency + v n / bandwidth, with the number of messages and
 *                  the volume v of the reduction (sn_reduction_between)
 *      core      = v n / q / the rate at which a core serves the network
 *      update    = 20 bytes per parameter / memory bandwidth, or the bandwidth of a
 *                  cache that holds the model: three arrays are read, two written;
 *                  adamw and the average each add 8 bytes, clipping 4; a rank that
 *                  shares the state of its node updates 1/q of it
 *  Inside a node the latency is 1 us and the bandwidth a third of the memory bandwidth;
 *  between nodes they are those of the link that the ranks of a node share.  A
 *  reduction during the backward pass hides behind that pass, which takes two thirds of
 *  compute; the work of the core makes that pass longer, so it is not hidden.  The model
 *  omits distortions, shared memories and caches, slow ranks, checkpoints and
 *  evaluation. */
#ifndef SHARDNET_PERF_PLAN_H
#define SHARDNET_PERF_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "nn/net.h"
#include "shardnet/status.h"

/** Memory of a process beyond the counted arrays: program, libraries, buffers of MPI.
 *  Measured with Open MPI 4.1 and two ranks per node. */
enum { SN_PLAN_PROCESS_MIB = 32 };

/** The part of a plan that is independent of the number of ranks. */
typedef struct sn_plan_base {
    sn_config config;
    sn_dataset_shape data;
    bool data_assumed;  /* no files were found: the sizes are those of MNIST */
    size_t data_bytes;  /* one copy of the data set */
    size_t train_count; /* number of training samples */
    sn_network network;
    sn_optimizer optimizer;
    int64_t updates; /* number of updates per epoch */
    int64_t batch;   /* number of images in a full batch */
    double gradient_buffer_bytes;
    double flops;            /* operations of the products per step, over all ranks */
    size_t checkpoint_bytes; /* approximate size of a checkpoint file */
} sn_plan_base;

/** The rates of one rank, and of the network between nodes. */
typedef struct sn_plan_rates {
    int threads;              /* threads per rank */
    double flops_per_second;  /* 0: sn_plan_measure sets it */
    double memory_per_second; /* bytes; 0: sn_plan_measure sets this and the next */
    double update_per_second; /* bytes, for arrays of the model's size */
    double latency_seconds, bytes_per_second; /* network */
    double served_per_second; /* bytes that a core sends, while it receives and adds as
                                 many; 0: the network needs no core (RDMA) */
} sn_plan_rates;

/** The plan for one number of ranks.  Sizes are bytes of one rank, unless stated
 *  otherwise. */
typedef struct sn_plan {
    int ranks, nodes, node_ranks;          /* node_ranks: on the fullest node */
    int64_t largest_shard, smallest_shard; /* images of a full batch */
    sn_reduction_spec spec; /* settings of the reduction, kind not auto */
    int empty_shards;       /* number of ranks without an image in a full batch */
    bool refused;           /* train refuses this number of ranks */
    int64_t last_batch;     /* number of images in the last batch of an epoch */
    size_t reduction;       /* buffers of the reduction on rank 0 */
    size_t activations;     /* the whole workspace */
    size_t batch;           /* images of a shard as floats, labels, indices */
    size_t rank_bytes;      /* sum of the three sizes above */
    size_t copy, file; /* rank 0: copy for a checkpoint; file while it is written */
    size_t best;       /* rank 0: copy of a best epoch that is not yet written */
    size_t parameters; /* parameters, bf16 weights, norms of all copies */
    size_t moments;    /* velocities and second moments of all copies */
    size_t average;    /* averages of the parameters of all copies */
    int copies;        /* number of copies of the state on the node */
    size_t node_bytes; /* node of rank 0: state, data set, ranks, processes */
    double compute_seconds, gather_seconds, reduce_seconds, update_seconds;
    double network_seconds; /* the part of reduce_seconds between nodes */
    double core_seconds;    /* the part of network_seconds that occupies the core */
    double hidden_seconds;  /* the part of reduce_seconds during the backward pass */
    double step_seconds;    /* the four times minus hidden_seconds */
} sn_plan;

/** Sets the network and the sizes of the data.  The sizes come from the headers of the
 *  data files; if the files are missing, from MNIST, with data_assumed for the source
 *  idx.  The caller calls sn_plan_clear, also after an error.  Errors: SN_ECONFIG,
 *  SN_EDATA, SN_ERANGE, SN_ENOMEM. */
sn_status sn_plan_open(const sn_config *config, sn_plan_base *base,
                       sn_error *err) SN_MUST_CHECK;

/** Frees the memory of base. */
void sn_plan_clear(sn_plan_base *base);

/** Returns the number of images on which sn_plan_measure should measure a gradient for
 *  this number of ranks: those that a rank computes at once, or fewer if a gradient
 *  takes long.  The rate depends on this number alone.  Pure. */
int64_t sn_plan_rows(const sn_plan_base *base, int ranks);

/** Measures the rates that are 0: gradients of the model on this number of rows, and
 *  triads on large arrays and on arrays of the model's size.  Each measurement takes a
 *  tenth of a second to a second; the triads need 96 to 512 MiB.  Errors: SN_ENOMEM. */
sn_status sn_plan_measure(const sn_plan_base *base, int64_t rows, sn_plan_rates *rates,
                          sn_error *err) SN_MUST_CHECK;

/** Returns the plan for this number of ranks with node_ranks per node, both at least 1.
 *  Pure. */
sn_plan sn_plan_make(const sn_plan_base *base, const sn_plan_rates *rates, int ranks,
                     int node_ranks);

#endif
