/* SPDX-License-Identifier: BSD-3-Clause */
/* The decisions of the training loop as a table. */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "train/decide.h"

/* Letters: C checkpoint, B best, W write without checkpoint, F final, L leave, S
 * stopped. */
typedef struct row {
    const char *name;
    int64_t every_epochs, every_steps, max_steps, patience;
    int keep_best;
    sn_moment moment;
    const char *expected;
} row;

#define STEP   .step = 5, .epoch = 1, .steps_here = 5
#define CLOSED .step = 6, .steps_here = 6, .epoch_closed = true
#define EPOCH  CLOSED, .epoch = 2

static const row rows[] = {
    {"step", 1, 0, 0, 0, 1, {STEP}, ""},
    {"step, stop requested", 1, 0, 0, 0, 1, {STEP, .stop_requested = true}, "CFLS"},
    {"step, every_minutes passed", 1, 0, 0, 0, 1, {STEP, .checkpoint_due = true}, "C"},
    {"step 5, every_steps = 5", 1, 5, 0, 0, 1, {STEP}, "C"},
    {"step 5, every_steps = 4", 1, 4, 0, 0, 1, {STEP}, ""},
    {"step, max_steps reached", 1, 0, 5, 0, 1, {STEP}, "CFLS"},
    {"step, max_steps not reached", 1, 0, 6, 0, 1, {STEP}, ""},
    {"step, never the best", 1, 0, 0, 0, 1, {STEP, .improved = true}, ""},
    {"epoch", 1, 0, 0, 0, 1, {EPOCH}, "C"},
    {"epoch between checkpoints", 3, 0, 0, 0, 1, {EPOCH}, ""},
    {"epoch without checkpoints", 0, 0, 0, 0, 1, {EPOCH}, ""},
    {"auto, step, files due", -1, 0, 0, 0, 1, {STEP, .files_due = true}, ""},
    {"auto, epoch", -1, 0, 0, 0, 1, {EPOCH}, ""},
    {"auto, epoch, files due", -1, 0, 0, 0, 1, {EPOCH, .files_due = true}, "C"},
    {"auto, best epoch", -1, 0, 0, 0, 1, {EPOCH, .improved = true}, "B"},
    {"auto, every_steps divides step", -1, 6, 0, 0, 1, {EPOCH}, "C"},
    {"auto, last epoch", -1, 0, 0, 0, 1, {CLOSED, .epoch = 9}, "CFL"},
    {"auto, stop requested", -1, 0, 0, 0, 1, {STEP, .stop_requested = true}, "CFLS"},
    {"epoch, files due", 3, 0, 0, 0, 1, {EPOCH, .files_due = true}, "W"},
    {"best epoch, files due",
     3,
     0,
     0,
     0,
     1,
     {EPOCH, .improved = true, .files_due = true},
     "BW"},
    {"best epoch, no checkpoint", 3, 0, 0, 0, 1, {EPOCH, .improved = true}, "B"},
    {"best epoch, checkpoint", 2, 0, 0, 0, 1, {EPOCH, .improved = true}, "CB"},
    {"best epoch, keep_best off", 3, 0, 0, 0, 0, {EPOCH, .improved = true}, ""},
    {"epoch, stop requested", 0, 0, 0, 0, 1, {EPOCH, .stop_requested = true}, "CFLS"},
    {"epoch, every_minutes passed",
     0,
     0,
     0,
     0,
     1,
     {EPOCH, .checkpoint_due = true},
     "C"},
    {"epoch, every_steps divides step", 0, 6, 0, 0, 1, {EPOCH}, "C"},
    {"epoch, max_steps reached", 0, 0, 6, 0, 1, {EPOCH}, "CFLS"},
    {"last epoch", 0, 0, 0, 0, 1, {CLOSED, .epoch = 9}, "CFL"},
    {"last epoch is the best",
     0,
     0,
     0,
     0,
     1,
     {CLOSED, .epoch = 9, .improved = true},
     "CBFL"},
    {"last epoch, stop requested",
     0,
     0,
     6,
     0,
     1,
     {CLOSED, .epoch = 9, .stop_requested = true},
     "CFL"},
    {"patience exhausted", 0, 0, 0, 3, 1, {CLOSED, .epoch = 4, .best_epoch = 1}, "CFL"},
    {"patience not exhausted",
     0,
     0,
     0,
     3,
     1,
     {CLOSED, .epoch = 4, .best_epoch = 2},
     ""},
    {"patience, no evaluation yet", 0, 0, 0, 3, 1, {CLOSED, .epoch = 4}, ""},
};

static void each_state_has_its_decision(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const row *r = &rows[i];
        static sn_config config;
        sn_config_init(&config);
        config.train_epochs = 9;
        config.train_max_steps = r->max_steps;
        config.train_early_stop_patience = r->patience;
        config.checkpoint_every_epochs = r->every_epochs;
        config.checkpoint_every_steps = r->every_steps;
        config.checkpoint_keep_best = r->keep_best;
        const sn_decision d = sn_decide(&config, &r->moment);
        char found[8];
        snprintf(found, sizeof found, "%s%s%s%s%s%s", d.checkpoint ? "C" : "",
                 d.best ? "B" : "", d.write && !d.checkpoint ? "W" : "",
                 d.final ? "F" : "", d.leave ? "L" : "", d.stopped ? "S" : "");
        assert_true(d.write || !d.checkpoint);
        if (strcmp(found, r->expected) != 0) {
            fail_msg("%s: '%s' instead of '%s'", r->name, found, r->expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_state_has_its_decision)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
