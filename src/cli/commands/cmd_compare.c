/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints the results of several runs and the settings that differ. */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text/number.h"
#include "base/text/utf8.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "cli/report/comparison.h"

typedef struct arguments {
    sn_words runs;
    const char *choice;
    bool json;
} arguments;

static double test_error(const sn_report *run)
{
    return run->result != NULL ? run->result->test_error : NAN;
}

/* Prints value in a column of this width; NaN becomes a dash. */
static void print_cell(double value, int width, int decimals)
{
    char number[SN_NUMBER_BYTES] = "-";
    if (!isnan(value)) {
        (void)sn_number_text(value, decimals, number);
    }
    printf("%*s ", width, number);
}

static void print_rank(const sn_comparison *comparison, size_t i)
{
    const size_t rank = sn_comparison_rank(comparison, i);
    print_cell(rank > 0 ? (double)rank : NAN, 4, 0);
}

static void print_results(const sn_comparison *comparison)
{
    puts("rank  valid %   test %  epoch  epochs   seconds    images/s  run");
    for (size_t i = 0; i < comparison->count; i++) {
        const sn_report *run = comparison->order[i];
        print_rank(comparison, i);
        print_cell(100 * sn_comparison_error(run), 8, 2);
        print_cell(100 * test_error(run), 8, 2);
        print_cell(run->result != NULL ? (double)run->result->epoch : NAN, 6, 0);
        print_cell((double)sn_report_last_epoch(run), 7, 0);
        print_cell(run->seconds, 9, 1);
        print_cell(run->samples_per_second, 11, 0);
        printf(" %s%s\n", run->run, run->finished ? "" : " (not finished)");
    }
}

static const char *value_text(const char *value)
{
    return value == NULL ? "(not set)" : value[0] == '\0' ? "(empty)" : value;
}

/* Returns the width of the column of a key. */
static int key_width(const sn_difference *key, size_t count)
{
    size_t width = strlen(key->name);
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(value_text(key->value[i]));
        width = length > width ? length : width;
    }
    return (int)width;
}

static void print_settings(const sn_comparison *comparison)
{
    const sn_differences *differences = &comparison->differences;
    if (differences->keys == 0) {
        puts("\nAll settings are the same.");
        return;
    }
    printf("\nrank");
    for (size_t k = 0; k < differences->keys; k++) {
        const sn_difference *key = &differences->key[k];
        printf("  %-*s", key_width(key, comparison->count), key->name);
    }
    puts("  run");
    for (size_t i = 0; i < comparison->count; i++) {
        print_rank(comparison, i);
        for (size_t k = 0; k < differences->keys; k++) {
            const sn_difference *key = &differences->key[k];
            printf("%s%-*s", k > 0 ? "  " : " ", key_width(key, comparison->count),
                   value_text(key->value[i]));
        }
        printf("  %s\n", comparison->order[i]->run);
    }
}

/* Prints `, "NAME": ` and value, or null if it is not finite. */
static void print_number(const char *name, double value)
{
    printf(", \"%s\": ", name);
    sn_json_print_number(stdout, value);
}

static void print_json_run(const sn_comparison *comparison, size_t i)
{
    const sn_report *run = comparison->order[i];
    const sn_differences *differences = &comparison->differences;
    const size_t rank = sn_comparison_rank(comparison, i);
    fputs("{\"run\": ", stdout);
    sn_json_print_string(stdout, run->run);
    print_number("rank", rank > 0 ? (double)rank : NAN);
    fputs(", \"checkpoint\": ", stdout);
    if (run->has_result) {
        sn_json_print_string(stdout, run->found.found.path);
    } else {
        fputs("null", stdout);
    }
    print_number("epoch", run->result != NULL ? (double)run->result->epoch : NAN);
    print_number("validation_error", sn_comparison_error(run));
    print_number("test_error", test_error(run));
    print_number("epochs", (double)sn_report_last_epoch(run));
    print_number("seconds", run->seconds);
    print_number("samples_per_second", run->samples_per_second);
    printf(", \"finished\": %s, \"settings\": {", run->finished ? "true" : "false");
    for (size_t k = 0; k < differences->keys; k++) {
        const sn_difference *key = &differences->key[k];
        fputs(k > 0 ? ", " : "", stdout);
        sn_json_print_string(stdout, key->name);
        fputs(": ", stdout);
        if (key->value[i] != NULL) {
            sn_json_print_string(stdout, key->value[i]);
        } else {
            fputs("null", stdout);
        }
    }
    fputs("}}", stdout);
}

static void print_json(const sn_comparison *comparison)
{
    fputs("{\"comparable\": ", stdout);
    fputs(comparison->caution == NULL ? "true" : "false", stdout);
    fputs(", \"runs\": [", stdout);
    for (size_t i = 0; i < comparison->count; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        print_json_run(comparison, i);
    }
    puts("]}");
}

/* Warns about runs whose errors are not those of their result, or not comparable. */
static void warn(const sn_comparison *comparison)
{
    sn_error notice = {""};
    for (size_t i = 0; i < comparison->count; i++) {
        const sn_report *run = &comparison->run[i];
        sn_job_warn(&run->found.found.notice);
        if (!run->has_result) {
            (void)sn_fail(&notice, SN_OK,
                          "run (%s): no checkpoint holds the result: %s", run->run,
                          run->no_result.message);
            sn_job_warn(&notice);
        }
    }
    if (comparison->caution != NULL) {
        (void)sn_fail(&notice, SN_OK, "comparison: %s", comparison->caution);
        sn_job_warn(&notice);
    }
}

static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    sn_comparison comparison;
    const sn_status status = sn_comparison_load(given->runs.word, given->runs.count,
                                                given->choice, &comparison, err);
    if (status == SN_OK) {
        warn(&comparison);
        if (given->json) {
            print_json(&comparison);
        } else {
            print_results(&comparison);
            print_settings(&comparison);
        }
    }
    sn_comparison_clear(&comparison);
    return status;
}

const sn_command sn_command_compare = {
    .name = "compare",
    .summary = "compare runs: results by validation error, settings that differ",
    .text =
        "Prints a table of runs with the errors of their results and their times, then a "
        "table of the settings that differ. The runs are in the order of the validation "
        "error of their results; the test error is printed and never ranks. A run "
        "without validation samples has no rank and stands at the end. The jobs may "
        "still be running. " SN_TEXT_RESULT "\n\n"
        "--json prints comparable and runs: for each run its run, rank, checkpoint, "
        "epoch, validation_error, test_error, epochs, seconds, samples_per_second, "
        "finished and settings. Errors are fractions; a value that does not exist is "
        "null.",
    .operands = {{SN_OPERAND("RUN", runs, "the folder of a run"), .many = true}},
    .options = {{SN_OPTION_CHECKPOINT},
                {SN_FLAG("json", json, "print one JSON object instead of tables")}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .run = run};
