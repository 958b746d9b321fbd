#include "train/epoch.h"

#include <math.h>

sn_epoch_row sn_epoch_describe(const sn_position *p, const sn_replica *replica,
                               double seconds, int64_t samples_before)
{
    const double samples = (double)p->epoch_samples;
    const double penalty = sn_optimizer_penalty(&replica->optimizer, &replica->network,
                                                replica->parameters);
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

sn_status sn_replica_evaluate(const sn_context *context, sn_replica *replica,
                              const sn_split *split, sn_evaluation *evaluation,
                              sn_error *err)
{
    return sn_evaluate(context->comm, &replica->network, replica->parameters,
                       &replica->workspace, replica->batch.x, split, evaluation, err);
}

sn_status sn_epoch_evaluate(const sn_context *context, sn_replica *replica,
                            const sn_dataset *data, sn_epoch_row *row, sn_error *err)
{
    sn_evaluation evaluation;
    sn_status status =
        sn_replica_evaluate(context, replica, &data->validation, &evaluation, err);
    if (status == SN_OK) {
        row->validation_loss = evaluation.loss;
        row->validation_error = sn_evaluation_error(&evaluation);
        status = sn_replica_evaluate(context, replica, &data->test, &evaluation, err);
        row->test_loss = evaluation.loss;
        row->test_error = sn_evaluation_error(&evaluation);
    }
    return status;
}
