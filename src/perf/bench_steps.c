#include "perf/bench_steps.h"

#include <stdlib.h>
#include <string.h>

#include "nn/init.h"
#include "train/console.h"
#include "train/step.h"
#include "train/tune.h"

sn_status sn_bench_steps_open(sn_bench_steps *steps, sn_comm *comm,
                              const sn_config *config, FILE *header, sn_error *err)
{
    steps->options = (sn_train_options){.out = header};
    sn_state *s = &steps->state;
    sn_status status = sn_state_open(s, comm, config, &steps->options, err);
    if (status != SN_OK) {
        return status;
    }
    status = sn_tune(s, err);
    if (status != SN_OK) {
        sn_state_close(s);
        return status;
    }
    sn_console_header(s);
    s->progress.seed = (uint64_t)s->config.train_seed;
    sn_init_parameters(&s->model, (sn_init)s->config.model_init,
                       s->config.model_init_scale, s->progress.seed, s->parameters);
    sn_state_round(s);
    sn_step_open_epoch(s);
    steps->batch = sn_step_batch(s);
    steps->full_steps =
        (int64_t)(s->loaded.data.train.count / (uint64_t)s->config.train_batch);
    steps->full_steps = steps->full_steps > 0 ? steps->full_steps : 1;
    return SN_OK;
}

void sn_bench_steps_close(sn_bench_steps *steps)
{
    sn_state_close(&steps->state);
}

sn_status sn_bench_steps_run(sn_bench_steps *steps, int64_t count, sn_error *err)
{
    sn_state *state = &steps->state;
    sn_position *p = &state->progress;
    sn_status status = SN_OK;
    state->phases = (sn_profile){0};
    for (int64_t i = 0; i < count && status == SN_OK; i++) {
        if (p->step_in_epoch == steps->full_steps) {
            p->step_in_epoch = 0;
            p->epoch = (p->epoch + 1) % state->config.train_epochs;
            sn_step_open_epoch(state);
        }
        status = sn_step_run(state, err);
    }
    return status == SN_EDIVERGED ? sn_fail(err, status,
                                            "bench: training diverged; lower the "
                                            "learning rate to measure finite numbers")
                                  : status;
}

static int ascending(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

sn_bench_spread sn_bench_spread_of(double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    qsort(values, count, sizeof *values, ascending);
    return (sn_bench_spread){.min = values[0],
                             .median =
                                 (values[(count - 1) / 2] + values[count / 2]) / 2,
                             .max = values[count - 1],
                             .mean = sum / (double)count};
}
