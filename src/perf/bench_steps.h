/** Training steps that go on for ever, for measurements (internal to train). */
#ifndef SHARDNET_PERF_BENCH_STEPS_H
#define SHARDNET_PERF_BENCH_STEPS_H

#include "perf/bench.h"
#include "train/state.h"

typedef struct sn_bench_steps {
    sn_state state;
    sn_train_options options; /* of state */
    int64_t full_steps;       /* of an epoch, those with a full batch; at least 1 */
    sn_range batch;           /* one of them */
} sn_bench_steps;

/** State as for training, with its initial weights; header NULL for no first lines.
 *  Collective.  As sn_bench; on failure everything is released. */
sn_status sn_bench_steps_open(sn_bench_steps *steps, sn_comm *comm,
                              const sn_config *config, FILE *header,
                              sn_error *err) SN_MUST_CHECK;

/** Collective. */
void sn_bench_steps_close(sn_bench_steps *steps);

/** Gives BLAS and loops the threads of these steps, after others had theirs.  Not
 *  collective. */
void sn_bench_steps_take_threads(const sn_bench_steps *steps);

/** count real steps; a short batch at the end of an epoch is left out, and after the
 *  last epoch comes the first.  Collective.  SN_EDIVERGED, SN_EMPI. */
sn_status sn_bench_steps_run(sn_bench_steps *steps, int64_t count,
                             sn_error *err) SN_MUST_CHECK;

/** Smallest, median, largest and mean of count values, which are sorted. */
sn_bench_spread sn_bench_spread_of(double *values, size_t count);

/** Measures the other ways of sn_bench.h against steps, of which count fill about
 *  options' seconds; fills in result's others on rank 0.  Collective.  SN_ENOMEM,
 *  SN_EDIVERGED, SN_EMPI. */
sn_status sn_bench_others(sn_bench_steps *steps, int64_t count,
                          const sn_bench_options *options, sn_bench_result *result,
                          sn_error *err) SN_MUST_CHECK;

#endif
