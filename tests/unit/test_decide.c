/* SPDX-License-Identifier: BSD-3-Clause */
/* The decisions of the training loop, as a table. */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "train/decide.h"

/* Letters: C checkpoint, B best, F final, L leave, S stopped. */
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
    {"a step", 1, 0, 0, 0, 1, {STEP}, ""},
    {"a step, asked to stop", 1, 0, 0, 0, 1, {STEP, .stop_requested = true}, "CFLS"},
    {"a step, minutes have passed", 1, 0, 0, 0, 1, {STEP, .checkpoint_due = true}, "C"},
    {"a step of every 5", 1, 5, 0, 0, 1, {STEP}, "C"},
    {"a step of every 4", 1, 4, 0, 0, 1, {STEP}, ""},
    {"max_steps reached", 1, 0, 5, 0, 1, {STEP}, "CFLS"},
    {"max_steps counts this invocation", 1, 0, 6, 0, 1, {STEP}, ""},
    {"a step knows no best", 1, 0, 0, 0, 1, {STEP, .improved = true}, ""},
    {"an epoch", 1, 0, 0, 0, 1, {EPOCH}, "C"},
    {"an epoch between checkpoints", 3, 0, 0, 0, 1, {EPOCH}, ""},
    {"an epoch without checkpoints", 0, 0, 0, 0, 1, {EPOCH}, ""},
    {"the best epoch between checkpoints",
     3,
     0,
     0,
     0,
     1,
     {EPOCH, .improved = true},
     "B"},
    {"the best epoch with its checkpoint",
     2,
     0,
     0,
     0,
     1,
     {EPOCH, .improved = true},
     "CB"},
    {"the best epoch, not kept", 3, 0, 0, 0, 0, {EPOCH, .improved = true}, ""},
    {"an epoch, asked to stop", 0, 0, 0, 0, 1, {EPOCH, .stop_requested = true}, "CFLS"},
    {"an epoch, minutes have passed",
     0,
     0,
     0,
     0,
     1,
     {EPOCH, .checkpoint_due = true},
     "C"},
    {"an epoch, its last step was due", 0, 6, 0, 0, 1, {EPOCH}, "C"},
    {"an epoch, max_steps reached", 0, 0, 6, 0, 1, {EPOCH}, "CFLS"},
    {"the last epoch", 0, 0, 0, 0, 1, {CLOSED, .epoch = 9}, "CFL"},
    {"the last epoch is the best",
     0,
     0,
     0,
     0,
     1,
     {CLOSED, .epoch = 9, .improved = true},
     "CBFL"},
    {"the last epoch, asked to stop",
     0,
     0,
     6,
     0,
     1,
     {CLOSED, .epoch = 9, .stop_requested = true},
     "CFL"},
    {"patience is at its end",
     0,
     0,
     0,
     3,
     1,
     {CLOSED, .epoch = 4, .best_epoch = 1},
     "CFL"},
    {"patience lasts", 0, 0, 0, 3, 1, {CLOSED, .epoch = 4, .best_epoch = 2}, ""},
    {"patience needs an evaluation", 0, 0, 0, 3, 1, {CLOSED, .epoch = 4}, ""},
};

static void the_table_holds(void **state)
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
        snprintf(found, sizeof found, "%s%s%s%s%s", d.checkpoint ? "C" : "",
                 d.best ? "B" : "", d.final ? "F" : "", d.leave ? "L" : "",
                 d.stopped ? "S" : "");
        if (strcmp(found, r->expected) != 0) {
            fail_msg("%s: '%s' instead of '%s'", r->name, found, r->expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_table_holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
