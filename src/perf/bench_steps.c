#include "perf/bench_steps.h"

#include <stdlib.h>
#include <string.h>

#include "train/console.h"

sn_status sn_bench_steps_open(sn_bench_steps *steps, sn_comm *comm,
                              const sn_config *config, FILE *header, sn_error *err)
{
    sn_engine *e = &steps->engine;
    sn_status status = sn_engine_open(e, comm, config, err);
    if (status == SN_OK) {
        status = sn_engine_choose(e, err);
    }
    if (status != SN_OK) {
        sn_engine_close(e);
        return status;
    }
    const sn_console console = sn_console_open(e->context.rank, header, NULL, false);
    sn_console_header(&console, &e->context, &e->config, &e->loaded, &e->replica,
                      e->reduction, &e->choice);
    sn_replica_draw(&e->replica, &e->config, e->cursor.position.seed);
    sn_cursor_open_epoch(&e->cursor);
    steps->batch = sn_cursor_batch(&e->cursor);
    steps->full_steps = (int64_t)(e->cursor.samples / e->cursor.batch);
    steps->full_steps = steps->full_steps > 0 ? steps->full_steps : 1;
    return SN_OK;
}

void sn_bench_steps_close(sn_bench_steps *steps)
{
    sn_engine_close(&steps->engine);
}

sn_status sn_bench_steps_run(sn_bench_steps *steps, int64_t count, sn_error *err)
{
    sn_engine *e = &steps->engine;
    sn_position *p = &e->cursor.position;
    sn_status status = SN_OK;
    steps->profile = (sn_profile){0};
    for (int64_t i = 0; i < count && status == SN_OK; i++) {
        if (p->step_in_epoch == steps->full_steps) {
            p->step_in_epoch = 0;
            p->epoch = (p->epoch + 1) % e->config.train_epochs;
            sn_cursor_open_epoch(&e->cursor);
        }
        sn_step_result result;
        status = sn_engine_step(e, NULL, NULL, &result, err);
        if (status == SN_OK) {
            sn_profile_add(&steps->profile, &result.profile);
        }
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
