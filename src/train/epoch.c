/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/epoch.h"

#include <math.h>
#include <stdio.h>

sn_epoch_row sn_epoch_describe(const sn_engine *engine, const sn_profile *profile,
                               int64_t samples_before)
{
    const sn_position *p = &engine->cursor.position;
    const sn_replica *r = &engine->replica;
    const double samples = (double)p->epoch_samples;
    const double seconds = sn_profile_total(profile);
    const double penalty =
        sn_optimizer_penalty(&r->optimizer, &r->network, r->state.parameters);
    return (sn_epoch_row){.epoch = p->epoch + 1,
                          .step = p->step,
                          .learning_rate = p->learning_rate,
                          .train_loss = p->epoch_loss_sum / samples + penalty,
                          .penalty = penalty,
                          .train_error = 1 - (double)p->epoch_correct / samples,
                          .validation_loss = NAN,
                          .validation_error = NAN,
                          .test_loss = NAN,
                          .test_error = NAN,
                          .seconds = seconds,
                          .samples_per_second =
                              (samples - (double)samples_before) / seconds};
}

sn_rank_row sn_epoch_describe_rank(const sn_engine *engine, const sn_profile *profile,
                                   const sn_epoch_row *row)
{
    sn_rank_row mine = {.epoch = row->epoch,
                        .step = row->step,
                        .rank = engine->context.rank,
                        .gather_seconds = profile->gather,
                        .compute_seconds = profile->forward + profile->backward,
                        .reduce_seconds = profile->reduce,
                        .update_seconds = profile->update};
    snprintf(mine.host, sizeof mine.host, "%s", sn_comm_host(engine->context.comm));
    return mine;
}

sn_status sn_epoch_evaluate(sn_engine *engine, const sn_split *split,
                            sn_evaluation *evaluation, sn_error *err)
{
    sn_replica *r = &engine->replica;
    return sn_evaluate(engine->context.comm, &r->network, sn_state_evaluated(&r->state),
                       &r->workspace, r->batch.x, split, evaluation, NULL, err);
}

sn_status sn_epoch_complete(sn_engine *engine, sn_epoch_row *row, sn_error *err)
{
    const sn_dataset *data = &engine->loaded.data;
    sn_evaluation validation, test;
    sn_status status = sn_epoch_evaluate(engine, &data->validation, &validation, err);
    if (status == SN_OK) {
        status = sn_epoch_evaluate(engine, &data->test, &test, err);
    }
    if (status == SN_OK) {
        row->validation_loss = validation.loss;
        row->validation_error = sn_evaluation_error(&validation);
        row->test_loss = test.loss;
        row->test_error = sn_evaluation_error(&test);
    }
    return status;
}
