/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/step/cursor.h"

#include <math.h>

sn_cursor sn_cursor_start(const sn_config *config, uint64_t samples)
{
    const uint64_t batch = (uint64_t)config->train_batch;
    return (sn_cursor){
        .position = {.seed = (uint64_t)config->train_seed, .best_error = 1},
        .schedule = sn_config_schedule(config),
        .samples = samples,
        .batch = batch,
        .steps_per_epoch = (int64_t)sn_steps_per_epoch(samples, batch)};
}

void sn_cursor_open_epoch(sn_cursor *cursor)
{
    const sn_position *p = &cursor->position;
    sn_sampler_init(&cursor->sampler, p->seed, (uint32_t)p->epoch, cursor->samples);
    cursor->epoch_rate = sn_schedule_epoch_rate(&cursor->schedule, p->epoch);
}

sn_range sn_cursor_batch(const sn_cursor *cursor)
{
    return sn_step_range(cursor->samples, cursor->batch,
                         (uint64_t)cursor->position.step_in_epoch);
}

double sn_cursor_rate(const sn_cursor *cursor)
{
    const sn_position *p = &cursor->position;
    return sn_schedule_step_rate(&cursor->schedule, cursor->epoch_rate, p->epoch,
                                 p->step_in_epoch, cursor->steps_per_epoch);
}

void sn_cursor_advance(sn_cursor *cursor, double rate, double loss_sum, int64_t correct,
                       int64_t count, double seconds)
{
    sn_position *p = &cursor->position;
    p->step++;
    p->step_in_epoch++;
    p->samples_seen += count;
    p->learning_rate = rate;
    p->epoch_loss_sum += loss_sum;
    p->epoch_correct += correct;
    p->epoch_samples += count;
    p->train_seconds += seconds;
}

void sn_cursor_close_epoch(sn_cursor *cursor)
{
    sn_position *p = &cursor->position;
    p->epoch++;
    p->step_in_epoch = 0;
    p->epoch_loss_sum = 0;
    p->epoch_correct = p->epoch_samples = 0;
}

bool sn_cursor_record_error(sn_cursor *cursor, double error)
{
    sn_position *p = &cursor->position;
    const bool improved =
        !isnan(error) && (p->best_epoch == 0 || error < p->best_error);
    if (improved) {
        p->best_epoch = p->epoch;
        p->best_error = error;
    }
    return improved;
}
