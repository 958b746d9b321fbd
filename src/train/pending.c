#include "train/pending.h"

#include <math.h>
#include <string.h>

sn_status sn_pending_reserve(sn_state *state, sn_error *err)
{
    const int64_t every = state->config.metrics_every_steps;
    const size_t steps = every > 0 ? (size_t)(state->steps_per_epoch / every) + 1 : 0;
    const size_t ranks = state->config.metrics_per_rank ? (size_t)state->size : 0;
    sn_status status = SN_OK;
    if (state->rank == 0 && !sn_rows_reserve(&state->pending, 1, steps, ranks)) {
        status = sn_fail(err, SN_ENOMEM, "metrics: out of memory");
    }
    return sn_comm_agree(state->comm, status, err);
}

void sn_pending_step(sn_state *state, double seconds)
{
    const int64_t every = state->config.metrics_every_steps;
    sn_rows *p = &state->pending;
    if (state->rank != 0 || every == 0 || state->progress.step % every != 0 ||
        p->step_count == p->step_capacity) {
        return;
    }
    const float *tail = state->sum + state->model.arena;
    const double count = (double)tail[SN_TAIL_COUNT];
    p->steps[p->step_count++] =
        (sn_step_row){.step = state->progress.step,
                      .epoch = state->progress.epoch,
                      .learning_rate = state->progress.learning_rate,
                      .loss = (double)tail[SN_TAIL_LOSS] / count,
                      .error = 1 - (double)tail[SN_TAIL_CORRECT] / count,
                      .seconds = seconds};
}

/* Rank 0: who waited for whom in the epoch of these rows (size). */
static void note_ranks(sn_state *state, sn_rank_row *rows)
{
    double slowest = 0;
    for (int r = 0; r < state->size; r++) {
        slowest = fmax(slowest, rows[r].gather_seconds + rows[r].compute_seconds);
    }
    for (int r = 0; r < state->size; r++) {
        const double own = rows[r].gather_seconds + rows[r].compute_seconds;
        rows[r].wait_seconds = fmin(slowest - own, rows[r].reduce_seconds);
        state->busy[r].seconds += own;
        memcpy(state->busy[r].host, rows[r].host, sizeof state->busy[r].host);
    }
}

sn_status sn_pending_epoch(sn_state *state, const sn_epoch_row *row, sn_error *err)
{
    sn_rows *p = &state->pending;
    if (state->rank == 0) {
        p->epochs[p->epoch_count++] = *row;
    }
    if (!state->config.metrics_per_rank) {
        return SN_OK;
    }
    sn_rank_row mine = {.epoch = row->epoch,
                        .step = row->step,
                        .rank = state->rank,
                        .gather_seconds = state->phases.gather,
                        .compute_seconds =
                            state->phases.forward + state->phases.backward,
                        .reduce_seconds = state->phases.reduce,
                        .update_seconds = state->phases.update};
    snprintf(mine.host, sizeof mine.host, "%s", sn_comm_host(state->comm));
    sn_rank_row *all = state->rank == 0 ? p->ranks + p->rank_count : NULL;
    sn_status status = sn_comm_gather(state->comm, &mine, sizeof mine, all, err);
    if (status == SN_OK && state->rank == 0) {
        note_ranks(state, all);
        p->rank_count += (size_t)state->size;
    }
    return status;
}
