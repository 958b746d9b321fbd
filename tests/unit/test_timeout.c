/* SPDX-License-Identifier: BSD-3-Clause */
/* The time-outs of comm.timeout_seconds = auto and of a number. */
#include "support.h"

#include <stdlib.h>

#include "dist/watchdog/timeout.h"

#define AUTO (-1.0)

static const struct {
    const char *name;
    double seconds;
    double ended, ended_steady; /* longest phases so far */
    bool steady;
    int64_t updates;
    double timeout;
} cases[] = {
    {"before the first update", AUTO, 0, 0, true, 0, 300},
    {"the first update opens connections", AUTO, 0, 0.1, true, 1, 300},
    {"short steps", AUTO, 0, 0.001, true, 2, 30},
    {"steps of 3 s", AUTO, 0, 3, true, 1000, 30},
    {"steps of 7 s", AUTO, 0, 7, true, 2, 70},
    {"steps of 45 s", AUTO, 0, 45, true, 1, 450},
    {"a long checkpoint changes nothing for a step", AUTO, 60, 0.1, true, 9, 30},
    {"the first evaluation or checkpoint after short steps", AUTO, 0, 0.1, false, 9,
     300},
    {"a checkpoint after short ones", AUTO, 2, 0.1, false, 9, 300},
    {"a checkpoint after one of 50 s", AUTO, 50, 0.1, false, 9, 500},
    {"a long step changes nothing for a checkpoint", AUTO, 2, 45, false, 9, 300},
    {"a number, before the first update", 120, 0, 0, true, 0, 120},
    {"a number, after long phases", 120, 90, 90, true, 9, 120},
    {"a number, in a checkpoint", 1.5, 90, 90, false, 9, 1.5},
};

static void each_phase_has_its_time_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sn_timeout timeout = sn_timeout_of(cases[i].seconds);
        sn_timeout_measure(&timeout, false, cases[i].ended);
        sn_timeout_measure(&timeout, true, cases[i].ended_steady);
        sn_timeout_measure(&timeout, false, 0.5 * cases[i].ended);
        sn_timeout_measure(&timeout, true, 0.5 * cases[i].ended_steady);
        const double found =
            sn_timeout_seconds(&timeout, cases[i].steady, cases[i].updates);
        if (found != cases[i].timeout) {
            fail_msg("%s: %g instead of %g", cases[i].name, found, cases[i].timeout);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_phase_has_its_time_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
