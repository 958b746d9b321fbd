/* How early a run stops before the end of its job. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "train/deadline.h"

static void the_margin_grows_with_the_checkpoint(void **state)
{
    (void)state;
    assert_true(sn_deadline_margin(7200, 0) == 30);
    assert_true(sn_deadline_margin(7200, 10) == 30);
    assert_true(sn_deadline_margin(7200, 100) == 300);
    assert_true(sn_deadline_margin(40, 0) == 20);
    assert_true(sn_deadline_margin(40, 1000) == 20);
}

static void only_a_time_to_come_counts(void **state)
{
    (void)state;
    static const char *const useless[] = {"", "soon", "12x", "-5", "1000000000"};
    for (size_t i = 0; i < sizeof useless / sizeof useless[0]; i++) {
        setenv("SLURM_JOB_END_TIME", useless[i], 1);
        assert_true(isinf(sn_deadline_seconds_left()));
    }
    unsetenv("SLURM_JOB_END_TIME");
    assert_true(isinf(sn_deadline_seconds_left()));
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)time(NULL) + 600);
    setenv("SLURM_JOB_END_TIME", text, 1);
    assert_true(fabs(sn_deadline_seconds_left() - 600) <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_margin_grows_with_the_checkpoint),
        cmocka_unit_test(only_a_time_to_come_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
