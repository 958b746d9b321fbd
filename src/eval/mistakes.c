/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/mistakes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Inserts a mistake into the list unless the list is full of worse ones.  The first of
 * two equally probable ones is the worse. */
static void insert(sn_mistakes *found, const sn_mistake *mistake)
{
    size_t at = found->listed;
    while (at > 0 && found->worst[at - 1].probability < mistake->probability) {
        at--;
    }
    if (at == SN_MISTAKES_MAX) {
        return;
    }
    found->listed += found->listed < SN_MISTAKES_MAX;
    memmove(&found->worst[at + 1], &found->worst[at],
            (found->listed - 1 - at) * sizeof *mistake);
    found->worst[at] = *mistake;
}

/* Counts the predictions of all samples and lists the mistakes. */
static sn_status predict(sn_model *model, const sn_split *split, size_t features,
                         sn_mistakes *found, sn_error *err)
{
    enum { ROWS = 256 };
    sn_prediction predictions[ROWS];
    for (size_t first = 0; first < split->count; first += ROWS) {
        const size_t rows = split->count - first < ROWS ? split->count - first : ROWS;
        const sn_status status = sn_model_predict(
            model, split->images + first * features, rows, predictions, err);
        if (status != SN_OK) {
            return status;
        }
        for (size_t i = 0; i < rows; i++) {
            const sn_mistake made = {.sample = first + i,
                                     .truth = split->labels[first + i],
                                     .predicted = predictions[i].best,
                                     .probability = predictions[i].best_probability};
            found->confusion[made.truth * found->classes + made.predicted]++;
            if (made.truth == made.predicted) {
                found->correct++;
            } else {
                insert(found, &made);
            }
        }
    }
    return SN_OK;
}

static sn_status find(sn_model *model, const sn_dataset *data, const sn_split *split,
                      sn_mistakes *found, sn_error *err)
{
    *found = (sn_mistakes){.classes = model->network.classes,
                           .rows = data->rows,
                           .cols = data->cols,
                           .count = (int64_t)split->count};
    found->confusion = sn_alloc(found->classes * found->classes, sizeof(int64_t));
    found->images = sn_alloc(SN_MISTAKES_MAX, data->features);
    if (found->confusion == NULL || found->images == NULL) {
        return sn_fail(err, SN_ENOMEM, "predictions: out of memory");
    }
    const sn_status status = predict(model, split, data->features, found, err);
    for (size_t i = 0; i < found->listed; i++) {
        memcpy(found->images + i * data->features,
               split->images + found->worst[i].sample * data->features, data->features);
    }
    return status;
}

sn_status sn_mistakes_find(sn_model *model, const char *data_dir, sn_mistakes *found,
                           sn_error *notice, sn_error *err)
{
    uint8_t *storage;
    sn_dataset data;
    const sn_split *split;
    *found = (sn_mistakes){.count = 0};
    sn_status status = sn_model_read_split(model, data_dir, SN_SPLIT_TEST, &storage,
                                           &data, &split, notice, err);
    if (status == SN_OK) {
        status = find(model, &data, split, found, err);
    }
    free(storage);
    if (status != SN_OK) {
        sn_mistakes_clear(found);
    }
    return status;
}

void sn_mistakes_clear(sn_mistakes *found)
{
    free(found->confusion);
    free(found->images);
    *found = (sn_mistakes){.count = 0};
}
