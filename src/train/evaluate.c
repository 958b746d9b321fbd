#include "shardnet/evaluate.h"

#include <math.h>
#include <unistd.h>

#include "shardnet/batch.h"
#include "shardnet/fault.h"
#include "shardnet/sampler.h"
#include "shardnet/watchdog.h"

sn_status sn_evaluate(sn_comm *comm, const sn_model *model, const float *parameters,
                      sn_workspace *workspace, float *x, const sn_split *split,
                      sn_evaluation *evaluation, sn_error *err)
{
    const sn_range mine = sn_rank_range((sn_range){0, split->count}, sn_comm_rank(comm),
                                        sn_comm_size(comm));
    double loss = 0;
    int64_t counts[2] = {0, (int64_t)(mine.end - mine.begin)};
    for (size_t first = mine.begin; first < mine.end; first += workspace->capacity) {
        sn_watchdog_mark(comm, SN_PHASE_EVALUATE, -1);
        if (sn_fault_check("evaluate.slow", sn_comm_rank(comm), -1, NULL) != SN_OK) {
            sleep(1);
        }
        size_t rows = mine.end - first;
        if (rows > workspace->capacity) {
            rows = workspace->capacity;
        }
        sn_batch_range(split, model->input, first, rows, x);
        const float *z = sn_net_forward(model, parameters, workspace, x, rows);
        sn_loss part =
            sn_softmax_loss(rows, model->classes, split->labels + first, z, NULL);
        loss += part.sum;
        counts[0] += part.correct;
    }
    sn_watchdog_mark(comm, SN_PHASE_AGREE, -1);
    sn_status status = sn_comm_sum_int64(comm, counts, 2, err);
    if (status == SN_OK) {
        status = sn_comm_sum_double(comm, &loss, 1, err);
    }
    evaluation->correct = counts[0];
    evaluation->count = counts[1];
    evaluation->loss = counts[1] == 0 ? NAN : loss / (double)counts[1];
    return status;
}

double sn_evaluation_error(const sn_evaluation *evaluation)
{
    return evaluation->count == 0
               ? NAN
               : 1 - (double)evaluation->correct / (double)evaluation->count;
}
