/* SPDX-License-Identifier: BSD-3-Clause */
/* The stop deadline: a run stops before the end of its job. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "train/deadline.h"

/* Returns the seconds between the stop of training and the end of the job. */
static double margin(double job_seconds, double evaluation, double write)
{
    sn_deadline deadline = {.job_seconds = job_seconds,
                            .longest_evaluation_seconds = evaluation};
    sn_deadline_update(&deadline, write);
    return deadline.job_seconds - deadline.stop_seconds;
}

static void the_margin_grows_with_evaluation_and_write(void **state)
{
    (void)state;
    assert_true(margin(7200, 0, 0) == 30);
    assert_true(margin(7200, 5, 5) == 30);
    assert_true(margin(7200, 40, 60) == 300);
    assert_true(margin(40, 0, 0) == 20);
    assert_true(margin(40, 0, 1000) == 20);
}

static void only_an_end_time_in_the_future_counts(void **state)
{
    (void)state;
    static const char *const invalid[] = {"", "soon", "12x", "-5", "1000000000"};
    unsetenv("SHARDNET_END_TIME");
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        setenv("SLURM_JOB_END_TIME", invalid[i], 1);
        assert_true(isinf(sn_deadline_start(0).stop_seconds));
    }
    unsetenv("SLURM_JOB_END_TIME");
    assert_true(isinf(sn_deadline_start(0).stop_seconds));
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)time(NULL) + 600);
    setenv("SLURM_JOB_END_TIME", text, 1);
    assert_true(fabs(sn_deadline_start(0).job_seconds - 600) <= 2);
    assert_true(fabs(sn_deadline_start(0).stop_seconds - 570) <= 2);
    snprintf(text, sizeof text, "%lld", (long long)time(NULL) + 300);
    setenv("SHARDNET_END_TIME", text, 1);
    assert_true(fabs(sn_deadline_start(0).job_seconds - 300) <= 2);
    unsetenv("SHARDNET_END_TIME");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_margin_grows_with_evaluation_and_write),
        cmocka_unit_test(only_an_end_time_in_the_future_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
