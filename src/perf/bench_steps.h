/** An endless sequence of training steps, for measurements (internal to perf). */
#ifndef SHARDNET_PERF_BENCH_STEPS_H
#define SHARDNET_PERF_BENCH_STEPS_H

#include "perf/bench.h"
#include "train/engine.h"

typedef struct sn_bench_steps {
    sn_engine engine;
    sn_profile profile; /* of the steps of the last sn_bench_steps_run */
    int64_t full_steps; /* steps of an epoch with a full batch; at least 1 */
    sn_range batch;     /* a full batch */
} sn_bench_steps;

/** Opens the engine of a training run, without a run folder, with its initial weights and prints the first
 *  lines to header unless it is NULL.  Collective.  Returns the statuses of sn_bench; on
 *  failure everything is released. */
sn_status sn_bench_steps_open(sn_bench_steps *steps, sn_comm *comm,
                              const sn_config *config, FILE *header,
                              sn_error *err) SN_MUST_CHECK;

/** Collective. */
void sn_bench_steps_close(sn_bench_steps *steps);

/** Runs count training steps.  It leaves out a short batch at the end of an epoch, and
 *  after the last epoch the first follows.  Collective.  SN_EDIVERGED, SN_EMPI. */
sn_status sn_bench_steps_run(sn_bench_steps *steps, int64_t count,
                             sn_error *err) SN_MUST_CHECK;

/** Sorts count values and returns their minimum, median, maximum and mean. */
sn_bench_spread sn_bench_spread_of(double *values, size_t count);

#endif
