/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/schedule.h"

/* Returns (1 + cos(pi t)) / 2 = cos^2(pi t / 2) for t in [0, 1] by the Taylor series of
 * the cosine; the error is below 1e-14.  All ranks need the same bits, but the
 * mathematics library may round differently on another processor. */
static double half_cosine(double t)
{
    const double x = 1.57079632679489661923 * t, xx = x * x;
    double term = 1, sum = 1;
    for (int k = 1; k <= 12; k++) {
        term *= -xx / (double)((2 * k - 1) * (2 * k));
        sum += term;
    }
    return sum * sum;
}

bool sn_schedule_uses_length(sn_schedule_kind kind)
{
    return kind == SN_SCHEDULE_COSINE || kind == SN_SCHEDULE_LINEAR ||
           kind == SN_SCHEDULE_WARMUP_STABLE_DECAY;
}

/* Returns the factor on the rate after the part t of the run, in [0, 1]. */
static double length_factor(const sn_schedule *schedule, double t)
{
    if (schedule->kind == SN_SCHEDULE_COSINE) {
        return half_cosine(t);
    }
    const bool whole = schedule->kind == SN_SCHEDULE_LINEAR;
    const double factor = (1 - t) / (whole ? 1 : schedule->decay_fraction);
    return factor < 1 ? factor : 1;
}

double sn_schedule_epoch_rate(const sn_schedule *schedule, int64_t epoch)
{
    double rate = schedule->rate;
    if (schedule->kind == SN_SCHEDULE_INVERSE) {
        for (int64_t i = 0; i <= epoch; i++) {
            rate /= 1 + schedule->decay * (double)i;
        }
    } else if (schedule->kind == SN_SCHEDULE_STEP) {
        for (int64_t i = schedule->decay_every; i <= epoch;
             i += schedule->decay_every) {
            rate *= schedule->decay;
        }
    }
    return rate;
}

double sn_schedule_step_rate(const sn_schedule *schedule, double epoch_rate,
                             int64_t epoch, int64_t step_in_epoch,
                             int64_t steps_per_epoch)
{
    const double done = (double)epoch + (double)step_in_epoch / (double)steps_per_epoch;
    double rate = epoch_rate;
    if (sn_schedule_uses_length(schedule->kind)) {
        const double t = done / (double)schedule->epochs;
        rate *= length_factor(schedule, t < 1 ? t : 1);
    }
    if (done < schedule->warmup_epochs) {
        /* one step is added, so that the rate of the first update is not 0 */
        rate *= (done + 1 / (double)steps_per_epoch) /
                (schedule->warmup_epochs + 1 / (double)steps_per_epoch);
    }
    return rate;
}
