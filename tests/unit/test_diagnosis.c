/* SPDX-License-Identifier: BSD-3-Clause */
/* The diagnosis names the cause of a hang: an observer holds the reports of eight ranks
 * on four hosts. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/watchdog/report.h"

enum { RANKS = 8 };

static const double now = 1000;
static sn_rank_report reports[RANKS];
static char hosts[RANKS][SN_HOST_BYTES];
static sn_heartbeat_path paths[SN_HEARTBEAT_PATHS] = {{0, "eth0"}, {0, "ib0"}};
static char message[SN_MESSAGE_BYTES];

static int all_ranks_wait_in_step_7(void **state)
{
    (void)state;
    for (int r = 0; r < RANKS; r++) {
        reports[r] = (sn_rank_report){.activity = {"reduce", true, false},
                                      .step = 7,
                                      .last_heartbeat = now - 1,
                                      .progress = now - 300.4};
        snprintf(hosts[r], sizeof hosts[r], "h%d", r / 2 + 1);
        for (int path = 0; path < SN_HEARTBEAT_PATHS; path++) {
            reports[r].last_by_path[path] = path < 2 ? now - 1 : -(double)INFINITY;
        }
    }
    return 0;
}

/* Fails unless the message of this rank starts with begin and contains last_heartbeats.
 */
static void expect(int rank, const char *begin, const char *last_heartbeats)
{
    const sn_rank_view view = {.reports = reports,
                               .hosts = hosts,
                               .paths = paths,
                               .size = RANKS,
                               .rank = rank,
                               .role = rank == 0 ? SN_ROLE_PRIMARY : SN_ROLE_SECONDARY,
                               .now = now,
                               .silent_seconds = 3};
    sn_diagnosis_write(&view, message);
    if (strncmp(message, begin, strlen(begin)) != 0 ||
        strstr(message, last_heartbeats) == NULL) {
        fail_msg("'%s' is not '%s...%s...'", message, begin, last_heartbeats);
    }
    assert_non_null(strstr(message, "; continue with --resume"));
}

static void a_silent_rank_is_the_cause(void **state)
{
    (void)state;
    reports[4].last_heartbeat = reports[5].last_heartbeat = now - 301;
    reports[1].activity = (sn_activity){"update", false, true}; /* must not matter */
    expect(
        0,
        "no progress for 300 s (rank 4 on h3, phase reduce, last step 7): no heartbeat "
        "from rank 4 for 301 s, ",
        "last heartbeat: ranks 0-3, 6-7 now, rank 4 on h3 301 s ago, rank 5 on h3 301 "
        "s ago;");
    for (int r = 1; r < RANKS; r++) {
        reports[r].last_heartbeat = now - 301;
    }
    expect(0, "no progress for 300 s (rank 1 on h1,",
           "rank 6 on h4 301 s ago and 1 more;");
}

static void a_broken_link_is_named_though_another_works(void **state)
{
    (void)state;
    reports[4].last_by_path[1] = reports[5].last_by_path[1] = now - 302;
    expect(
        0,
        "no progress for 300 s (rank 4 on h3, phase reduce, last step 7): no "
        "heartbeat from rank 4 through ib0 of h1 (0.0.0.0) for 302 s, a link is down",
        "last heartbeat: ranks 0-7 now;");
    for (int r = 0; r < RANKS; r++) {
        reports[r].last_by_path[1] = now - 302;
    }
    expect(2,
           "no progress for 300 s (rank 2 on h2, phase reduce, last step 7): no "
           "heartbeat from any other host through its ib0",
           "ranks 0-7 now;");
}

static void a_rank_that_delays_the_others_is_the_cause(void **state)
{
    (void)state;
    reports[3].activity = (sn_activity){"files", false, false};
    expect(0,
           "no progress for 300 s (rank 3 on h2, phase files, last step 7): alive "
           "but making no progress, the other ranks wait for it; ",
           "ranks 0-7 now;");
    reports[3].activity = reports[2].activity;
    reports[6].step = 6;
    expect(0,
           "no progress for 300 s (rank 6 on h4, phase reduce, last step 6): alive "
           "but making no progress, the other ranks wait for it; ",
           "ranks 0-7 now;");
}

static void no_rank_is_the_cause(void **state)
{
    (void)state;
    expect(5,
           "no progress for 300 s (rank 5 on h3, phase reduce, last step 7): all "
           "ranks wait for each other",
           "ranks 0-7 now;");
    for (int r = 0; r < RANKS; r++) {
        reports[r].last_heartbeat = r == 5 ? now : -(double)INFINITY;
        reports[r].last_by_path[0] = reports[r].last_by_path[1] = -(double)INFINITY;
    }
    expect(5, "no progress for 300 s (rank 5 on h3,",
           "last heartbeat: ranks 5 now, none from ranks 0-4, 6-7;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_silent_rank_is_the_cause, all_ranks_wait_in_step_7),
        cmocka_unit_test_setup(a_broken_link_is_named_though_another_works,
                               all_ranks_wait_in_step_7),
        cmocka_unit_test_setup(a_rank_that_delays_the_others_is_the_cause,
                               all_ranks_wait_in_step_7),
        cmocka_unit_test_setup(no_rank_is_the_cause, all_ranks_wait_in_step_7)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
