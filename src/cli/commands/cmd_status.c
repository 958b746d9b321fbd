/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/text/utf8.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "run/survey.h"

typedef struct arguments {
    const char *run;
    bool json;
} arguments;

static void warn(void *user, const char *format, ...) SN_PRINTF(2, 3);

static void warn(void *user, const char *format, ...)
{
    va_list values;
    (void)user;
    va_start(values, format);
    fputs("shardnet: warning: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
}

/* Prints the text as a JSON string, null if it is empty. */
static void print_string(const char *text)
{
    if (text[0] == '\0') {
        fputs("null", stdout);
    } else {
        sn_json_print_string(stdout, text);
    }
}

static void print_json(const sn_survey *found)
{
    const sn_position *p = &found->position;
    printf("{\"state\": \"%s\", \"epoch\": %" PRId64 ", \"epochs\": %" PRId64
           ", \"step\": %" PRId64 ", \"step_in_epoch\": %" PRId64
           ", \"best_epoch\": %" PRId64 ", \"checkpoint\": ",
           found->finished            ? "finished"
           : found->holder[0] != '\0' ? "running"
                                      : "stopped",
           p->epoch, found->epochs, p->step, p->step_in_epoch, p->best_epoch);
    print_string(found->checkpoint);
    fputs(", \"holder\": ", stdout);
    print_string(found->holder);
    puts("}");
}

/* Prints "after epoch 3 of 8, step 360", or "in" if the epoch is not complete. */
static void print_position(const sn_survey *found)
{
    const sn_position *p = &found->position;
    const bool within = p->step_in_epoch > 0;
    printf("%s epoch %" PRId64 " of %" PRId64 ", step %" PRId64,
           within ? "in" : "after", sn_position_epoch(p), found->epochs, p->step);
}

static void print_line(const sn_survey *found)
{
    const bool saved = found->checkpoint[0] != '\0';
    if (found->finished) {
        fputs("finished ", stdout);
        print_position(found);
        if (found->position.epoch < found->epochs) {
            printf("; no lower validation error since epoch %" PRId64,
                   found->position.best_epoch);
        }
    } else if (found->holder[0] != '\0') {
        printf("running, %s; %s", found->holder,
               saved ? "newest checkpoint " : "no checkpoint yet");
        if (saved) {
            print_position(found);
        }
    } else if (saved) {
        fputs("stopped ", stdout);
        print_position(found);
        fputs("; continue with --resume", stdout);
    } else {
        fputs("stopped before the first checkpoint; start again", stdout);
    }
    putchar('\n');
}

static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    sn_survey found;
    sn_status status = sn_run_survey(given->run, warn, NULL, &found, err);
    if (status == SN_OK) {
        (given->json ? print_json : print_line)(&found);
        status = sn_job_flush(err);
    }
    if (status != SN_OK || found.finished) {
        return status;
    }
    err->message[0] = '\0'; /* an unfinished run is no error */
    return SN_ESTOPPED;
}

const sn_command sn_command_status = {
    .name = "status",
    .summary = "print whether a run has finished, also as the exit code",
    .text =
        "Prints one line: whether the run has finished, and its newest checkpoint. "
        "The run has finished if `train --resume` with its config.ini would end at "
        "once: all epochs are done, or train.early_stop_patience is exhausted.\n\n"
        "Exit codes: 0 finished; 75 not finished: running, or continue it with "
        "--resume; 66 RUN is not the folder of a run; 65 every checkpoint is damaged.",
    .operands = {{SN_OPERAND("RUN", run, "the folder of a run")}},
    .options = {{SN_FLAG("json", json, "print one JSON object instead of the line")}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .run = run};
