/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/report/comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

double sn_comparison_error(const sn_report *run)
{
    return run->result != NULL ? run->result->validation_error : NAN;
}

size_t sn_comparison_rank(const sn_comparison *comparison, size_t i)
{
    const double error = sn_comparison_error(comparison->order[i]);
    size_t before = 0;
    while (before < i && sn_comparison_error(comparison->order[before]) < error) {
        before++;
    }
    return isnan(error) ? 0 : before + 1;
}

/* Sorts the runs by validation error; equal ones keep their order. */
static void sort(sn_comparison *comparison)
{
    for (size_t i = 0; i < comparison->count; i++) {
        const sn_report *run = &comparison->run[i];
        const double error = sn_comparison_error(run);
        size_t at = i;
        while (at > 0 && !isnan(error) &&
               !(sn_comparison_error(comparison->order[at - 1]) <= error)) {
            comparison->order[at] = comparison->order[at - 1];
            at--;
        }
        comparison->order[at] = run;
    }
}

static const char *find_caution(const sn_comparison *comparison)
{
    const sn_checkpoint_info *info = NULL; /* the first run with a result has it */
    const sn_config *config = NULL;        /* the first one */
    for (size_t i = 0; i < comparison->count; i++) {
        const sn_report *run = &comparison->run[i];
        info = info == NULL && run->has_result ? &run->found.info : info;
        config = config == NULL ? run->config : config;
        if (run->has_result &&
            strcmp(info->train_digest, run->found.info.train_digest) != 0) {
            return "the runs do not have the same training set; their errors cannot be "
                   "compared";
        }
        if (run->config != NULL &&
            (config->data_validation != run->config->data_validation ||
             config->data_train_limit != run->config->data_train_limit)) {
            return "the runs do not hold out the same validation samples; their "
                   "validation errors cannot be compared exactly";
        }
    }
    return NULL;
}

static sn_status find_differences(sn_comparison *comparison, sn_error *err)
{
    const char **texts = sn_alloc(comparison->count, sizeof *texts);
    if (texts == NULL) {
        return sn_fail(err, SN_ENOMEM, "comparison: out of memory");
    }
    for (size_t i = 0; i < comparison->count; i++) {
        texts[i] = comparison->order[i]->config_text;
    }
    const sn_status status =
        sn_differences_find(texts, comparison->count, &comparison->differences, err);
    free(texts);
    return status;
}

sn_status sn_comparison_load(char *const *runs, size_t count, const char *choice,
                             sn_comparison *comparison, sn_error *err)
{
    *comparison = (sn_comparison){.count = count};
    comparison->run = sn_alloc(count, sizeof *comparison->run);
    comparison->order = sn_alloc(count, sizeof *comparison->order);
    sn_status status = SN_OK;
    if (comparison->run == NULL || comparison->order == NULL) {
        status = sn_fail(err, SN_ENOMEM, "comparison: out of memory");
    }
    for (size_t i = 0; status == SN_OK && i < count; i++) {
        status = sn_report_load(runs[i], choice, false, &comparison->run[i], err);
    }
    if (status != SN_OK) {
        return status;
    }
    sort(comparison);
    comparison->caution = find_caution(comparison);
    return find_differences(comparison, err);
}

void sn_comparison_clear(sn_comparison *comparison)
{
    for (size_t i = 0; comparison->run != NULL && i < comparison->count; i++) {
        sn_report_clear(&comparison->run[i]);
    }
    free(comparison->run);
    free(comparison->order);
    sn_differences_clear(&comparison->differences);
    *comparison = (sn_comparison){.count = 0};
}
