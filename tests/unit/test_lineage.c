/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans for the checkpoints of a resumed run: rename, keep or copy.  No files. */
#include "support.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "run/lineage.h"

enum { RECORDS_MAX = 6, STEPS_PER_EPOCH = 10 };

/* A checkpoint of a run whose best epoch so far is best. */
#define RECORD(kind_of_file, number, best, error, seed_of_run, seconds, data)          \
    .kind = (kind_of_file), .step = (number), .same_data = (data),                     \
    .position = {.epoch = (number) / STEPS_PER_EPOCH,                                  \
                 .step = (number),                                                     \
                 .step_in_epoch = (number) % STEPS_PER_EPOCH,                          \
                 .best_epoch = (best),                                                 \
                 .best_error = (error),                                                \
                 .seed = (seed_of_run),                                                \
                 .train_seconds = (seconds)}
#define STEP(number, best)  RECORD(SN_LINEAGE_STEP, number, best, 0.1, 1, number, true)
#define OTHER(number, best) RECORD(SN_LINEAGE_OTHER, number, best, 0.1, 1, number, true)
#define BEST_OF(epoch, error, seed, data)                                              \
    RECORD(SN_LINEAGE_BEST, (epoch)*STEPS_PER_EPOCH, epoch, error, seed,               \
           (epoch)*STEPS_PER_EPOCH, data)
#define BEST(epoch)     BEST_OF(epoch, 0.1, 1, true)
#define UNREADABLE_BEST .kind = SN_LINEAGE_BEST, .step = -1, DAMAGED
#define RESTORED        .restored = true, .health = SN_LINEAGE_GOOD
#define DAMAGED         .health = SN_LINEAGE_DAMAGED

typedef struct example {
    const char *name;
    const char *plan; /* expected actions, each with the index of its record */
    bool no_best;     /* checkpoint.keep_best = false */
    bool finished;
    sn_lineage_record records[RECORDS_MAX]; /* step 0 ends the list */
} example;

static const example examples[] = {
    {"fresh, no record", "", .records = {{.step = 0}}},
    {"fresh, with a checkpoint that is not restored", "", .records = {{STEP(30, 0)}}},
    {"the newest checkpoint", "", .records = {{STEP(80, 0), RESTORED}, {STEP(70, 0)}}},
    {"the newest checkpoint, and best.h5", "keep 2",
     .records = {{STEP(80, 7), RESTORED}, {STEP(70, 7)}, {BEST(7)}}},
    {"the newest checkpoint, and best.h5 of the same step", "keep 1",
     .records = {{STEP(80, 8), RESTORED}, {BEST(8)}}},
    {"an older checkpoint of the run", "abandon 1, abandon 0",
     .records = {{STEP(80, 0)}, {STEP(70, 0)}, {STEP(30, 0), RESTORED}}},
    {"the newest checkpoints are damaged", "abandon 1, abandon 0",
     .records = {{STEP(80, 0), DAMAGED},
                 {STEP(70, 0), DAMAGED},
                 {STEP(30, 0), RESTORED}}},
    {"another run's file, with best.h5 in its folder", "step 0, best 1",
     .records = {{OTHER(45, 3), RESTORED}, {OTHER(30, 3)}}},
    {"another run's file of its best epoch", "step 0, best 0",
     .records = {{OTHER(40, 4), RESTORED}, {OTHER(50, 5)}}},
    {"another run's file without the best weights", "step 0, forget",
     .records = {{OTHER(45, 3), RESTORED}}},
    {"another run's file of a finished run", "step 0", .finished = true,
     .records = {{OTHER(80, 3), RESTORED}}},
    {"best.h5 in the folder of another run's file is damaged", "step 0, forget",
     .records = {{OTHER(45, 3), RESTORED}, {OTHER(30, 3), DAMAGED}}},
    {"best.h5 is the only checkpoint", "step 0, keep 0",
     .records = {{BEST(5), RESTORED}}},
    {"best.h5 is newer than the steps", "step 0, keep 0",
     .records = {{BEST(5), RESTORED}, {STEP(20, 2)}}},
    {"best.h5, and a damaged file of its step", "abandon 0, step 1, keep 1",
     .records = {{STEP(50, 5), DAMAGED}, {BEST(5), RESTORED}, {STEP(40, 4)}}},
    {"best.h5, and the same state under its step", "keep 0, keep 1",
     .records = {{STEP(50, 5)}, {BEST(5), RESTORED}}},
    {"another run's file at a step that the run has", "abandon 0, step 1",
     .records = {{STEP(50, 0)},
                 {RECORD(SN_LINEAGE_OTHER, 50, 0, 0.1, 1, 9, true), RESTORED}}},
    {"best.h5 of a later epoch; a file of the run has the best weights",
     "abandon 0, abandon 1, best 2",
     .records = {{STEP(70, 7)}, {BEST(7)}, {STEP(50, 5), RESTORED}, {STEP(40, 4)}}},
    {"best.h5 of a later epoch; no file has the best weights", "abandon 0, forget",
     .records = {{BEST(7)}, {STEP(50, 3), RESTORED}, {STEP(40, 3)}}},
    {"best.h5 of a later epoch; no best epoch yet", "abandon 0",
     .records = {{BEST(7)}, {STEP(5, 0), RESTORED}}},
    {"a former best.h5 is restored from *.abandoned",
     "abandon 0, step 2, abandon 1, best 2",
     .records = {{STEP(80, 3)}, {BEST(3)}, {OTHER(70, 7), RESTORED}}},
    {"best.h5 is missing; the file of the best epoch exists", "best 2",
     .records = {{STEP(50, 3), RESTORED}, {STEP(40, 3)}, {STEP(30, 3)}}},
    {"best.h5 is damaged; the file of the best epoch exists", "abandon 2, best 1",
     .records = {{STEP(50, 3), RESTORED}, {STEP(30, 3)}, {UNREADABLE_BEST}}},
    {"best.h5 and the file of the best epoch are damaged", "abandon 2, forget",
     .records = {{STEP(50, 3), RESTORED}, {STEP(30, 3), DAMAGED}, {UNREADABLE_BEST}}},
    {"best.h5 of another seed", "abandon 1, forget",
     .records = {{STEP(50, 3), RESTORED}, {BEST_OF(3, 0.1, 2, true)}}},
    {"best.h5 of other data", "abandon 1, forget",
     .records = {{STEP(50, 3), RESTORED}, {BEST_OF(3, 0.1, 1, false)}}},
    {"best.h5 of another error at the same epoch", "abandon 1, forget",
     .records = {{STEP(50, 3), RESTORED}, {BEST_OF(3, 0.2, 1, true)}}},
    {"without keep_best, best.h5 of an earlier epoch", "", .no_best = true,
     .records = {{STEP(50, 4), RESTORED}, {BEST(3)}}},
    {"without keep_best, best.h5 that cannot be read", "", .no_best = true,
     .records = {{STEP(50, 4), RESTORED}, {UNREADABLE_BEST}}},
    {"without keep_best, best.h5 of a later epoch", "abandon 0", .no_best = true,
     .records = {{BEST(7)}, {STEP(50, 4), RESTORED}}},
    {"a finished run", "keep 2", .finished = true,
     .records = {{STEP(80, 3), RESTORED}, {STEP(70, 3)}, {BEST(3)}}},
    {"a finished run whose best weights are lost", "", .finished = true,
     .records = {{STEP(80, 3), RESTORED}, {STEP(70, 3)}}},
};

static void write_plan(const sn_lineage_action *actions, size_t count, char text[256])
{
    static const char *const verbs[] = {
        [SN_LINEAGE_ABANDON] = "abandon",    [SN_LINEAGE_KEEP] = "keep",
        [SN_LINEAGE_SAVE_STEP] = "step",     [SN_LINEAGE_SAVE_BEST] = "best",
        [SN_LINEAGE_FORGET_BEST] = "forget",
    };
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, 256 - used, "%s%s", i > 0 ? ", " : "",
                                 verbs[actions[i].verb]);
        if (actions[i].verb != SN_LINEAGE_FORGET_BEST) {
            used +=
                (size_t)snprintf(text + used, 256 - used, " %zu", actions[i].record);
        }
    }
}

static void plans_equal_the_expected_ones(void **state)
{
    (void)state;
    for (size_t e = 0; e < sizeof examples / sizeof examples[0]; e++) {
        const example *x = &examples[e];
        size_t count = 0;
        const sn_position *position = &x->records[0].position;
        for (; count < RECORDS_MAX && x->records[count].step != 0; count++) {
            if (x->records[count].restored) {
                position = &x->records[count].position;
            }
        }
        sn_lineage_action actions[RECORDS_MAX + SN_LINEAGE_EXTRA_ACTIONS];
        const size_t made = sn_lineage_plan(x->records, count, position, !x->no_best,
                                            x->finished, actions);
        assert_true(made <= count + SN_LINEAGE_EXTRA_ACTIONS);
        char text[256];
        write_plan(actions, made, text);
        if (strcmp(text, x->plan) != 0) {
            fail_msg("%s: \"%s\" instead of \"%s\"", x->name, text, x->plan);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_equal_the_expected_ones),
    };
    return cmocka_run_group_tests_name("lineage", tests, NULL, NULL);
}
