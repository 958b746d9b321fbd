/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/result.h"

#include <math.h>

static sn_status verify(const char *path, void *info, sn_error *err)
{
    return sn_checkpoint_verify(path, info, err);
}

sn_status sn_result_find(const char *run, const char *choice, sn_result *result,
                         sn_error *err)
{
    return sn_target_result(run, choice, verify, &result->info, &result->found, err);
}

const sn_epoch_row *sn_result_row(const sn_epoch_row *rows, size_t count, int64_t step)
{
    const sn_epoch_row *last = NULL;
    for (size_t i = 0; i < count && rows[i].step <= step; i++) {
        const bool evaluated =
            !isnan(rows[i].test_error) || !isnan(rows[i].validation_error);
        last = evaluated ? &rows[i] : last;
    }
    return last;
}
