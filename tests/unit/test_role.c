/* SPDX-License-Identifier: BSD-3-Clause */
/* Each role raises the alarm at its deadline: four ranks, observers 0 and 2, a time-out
 * of 60 s. */
#include "support.h"

#include <stdlib.h>

#include "dist/watchdog/report.h"

#define NEVER ((double)INFINITY)

enum { RANKS = 4 };

/* The report of a rank; NEVER: no heartbeat. */
typedef struct known {
    double silent, idle; /* seconds since its newest heartbeat and mark */
    double grace;        /* seconds */
} known;

static const struct {
    const char *name;
    int rank;
    known of[RANKS];
    double deadline; /* seconds after now */
} cases[] = {
    {"primary: its own progress",
     0,
     {{0, 10, 0}, {1, 20, 0}, {1, 20, 0}, {1, 20, 0}},
     50},
    {"primary: the progress of any rank",
     0,
     {{0, 70, 0}, {1, 70, 0}, {1, 70, 0}, {1, 5, 0}},
     55},
    {"primary: the progress of a silent rank counts",
     0,
     {{0, 70, 0}, {1, 70, 0}, {1, 70, 0}, {40, 50, 0}},
     10},
    {"primary: a rank that never sent a heartbeat does not count",
     0,
     {{0, 70, 0}, {1, 70, 0}, {1, 70, 0}, {NEVER, 5, 0}},
     -10},
    {"primary: grace for work on files",
     0,
     {{0, 70, 0}, {1, 70, 25}, {1, 20, 0}, {1, 70, 0}},
     40},
    {"primary: grace beyond the progress of others",
     0,
     {{0, 70, 0}, {1, 70, 100}, {1, 20, 0}, {1, 70, 0}},
     90},
    {"primary: no other rank sent a heartbeat",
     0,
     {{0, 61, 0}, {NEVER, 0, 0}, {NEVER, 0, 0}, {NEVER, 0, 0}},
     -1},
    {"secondary: the primary is alive",
     2,
     {{3, 99, 0}, {1, 99, 0}, {0, 99, 0}, {1, 99, 0}},
     NEVER},
    {"secondary: the primary is silent",
     2,
     {{3.1, 99, 0}, {1, 99, 0}, {0, 99, 0}, {1, 40, 0}},
     20},
    {"secondary: the primary never sent a heartbeat",
     2,
     {{NEVER, 0, 0}, {1, 62, 0}, {0, 61, 0}, {1, 99, 0}},
     -1},
    {"follower: the primary is alive",
     1,
     {{1, 99, 0}, {0, 99, 0}, {9, 99, 0}, {NEVER, 0, 0}},
     NEVER},
    {"follower: the secondary is alive",
     3,
     {{9, 99, 0}, {NEVER, 0, 0}, {1, 99, 0}, {0, 99, 0}},
     NEVER},
    {"follower: both observers are silent",
     1,
     {{9, 5, 0}, {0, 40, 0}, {9, 5, 0}, {NEVER, 0, 0}},
     20.55},
    {"follower: no observer ever sent a heartbeat",
     3,
     {{NEVER, 0, 0}, {NEVER, 0, 0}, {NEVER, 0, 0}, {0, 70, 30}},
     20.65},
};

static void each_role_has_its_deadline(void **state)
{
    (void)state;
    static const double now = 1000;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sn_rank_report reports[RANKS] = {{.step = 0}};
        sn_rank_view view = {.reports = reports,
                             .size = RANKS,
                             .rank = cases[i].rank,
                             .observers = {0, 2},
                             .now = now,
                             .timeout = 60,
                             .silent_seconds = 3};
        view.role = sn_role_of(view.rank, view.observers);
        for (int r = 0; r < RANKS; r++) {
            reports[r].last_heartbeat = now - cases[i].of[r].silent;
            reports[r].progress = now - cases[i].of[r].idle;
            reports[r].grace = cases[i].of[r].grace;
        }
        const double deadline = sn_role_deadline(&view) - now;
        if (isinf(cases[i].deadline) ? deadline != NEVER
                                     : !(fabs(deadline - cases[i].deadline) < 1e-9)) {
            fail_msg("%s: %g instead of %g", cases[i].name, deadline,
                     cases[i].deadline);
        }
    }
}

static void observers_are_primary_and_secondary(void **state)
{
    (void)state;
    static const int apart[SN_OBSERVERS] = {0, 2}, alone[SN_OBSERVERS] = {0, 0};
    assert_int_equal(sn_role_of(0, apart), SN_ROLE_PRIMARY);
    assert_int_equal(sn_role_of(1, apart), SN_ROLE_FOLLOWER);
    assert_int_equal(sn_role_of(2, apart), SN_ROLE_SECONDARY);
    assert_int_equal(sn_role_of(0, alone), SN_ROLE_PRIMARY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_has_its_deadline),
        cmocka_unit_test(observers_are_primary_and_secondary)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
