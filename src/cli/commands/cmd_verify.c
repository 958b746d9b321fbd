/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "eval/target.h"
#include "store/checkpoint/checkpoint.h"
#include "store/h5/format.h"
#include "store/metrics/metrics.h"
#include "store/paths.h"

typedef struct arguments {
    const char *target;
} arguments;

/* The checked files and their first error. */
typedef struct tally {
    sn_status status; /* the first error, SN_OK if there is none */
    sn_error error;
    size_t files; /* number of checked files */
    bool alone;   /* the target is one file: main prints its error */
} tally;

/* Counts a file and, if it is bad, prints its line. */
static void count_file(tally *found, const char *path, sn_status status,
                       const sn_error *why)
{
    found->files++;
    if (status != SN_OK) {
        printf("bad   %s\n", found->alone ? path : why->message);
    }
    if (found->status == SN_OK) {
        found->status = status;
        found->error = *why;
    }
}

static sn_status check_checkpoint(const char *path, void *user, sn_error *err)
{
    sn_checkpoint_info info;
    sn_error why = {""};
    const sn_status status = sn_checkpoint_verify(path, &info, &why);
    (void)err;
    if (status == SN_OK) {
        printf("good  %s: epoch %" PRId64 ", step %" PRId64 ", SHA-256 %s\n", path,
               sn_position_epoch(&info.position), info.position.step, info.digest);
    }
    if (status == SN_OK || sn_file_exists(path)) { /* else the job has removed it */
        count_file(user, path, status, &why);
    }
    return SN_OK;
}

static void check_metrics(tally *found, const char *path)
{
    size_t rows[SN_TABLES];
    sn_error why = {""};
    sn_status status = sn_metrics_verify(path, rows, &why);
    if (status == SN_OK) {
        printf("good  %s: %zu epochs, %zu steps, %zu rows of ranks\n", path,
               rows[SN_TABLE_EPOCHS], rows[SN_TABLE_STEPS], rows[SN_TABLE_RANKS]);
    }
    count_file(found, path, status, &why);
}

static sn_status run(const void *user, sn_error *err)
{
    const char *target = ((const arguments *)user)->target;
    tally found = {.status = SN_OK, .alone = !sn_is_folder(target)};
    char metrics[SN_PATH_BYTES];
    sn_status status = SN_OK;
    if (!found.alone) {
        status = sn_target_each(target, check_checkpoint, &found, err);
        if (status == SN_OK) {
            status = sn_path_join(metrics, target, SN_METRICS_FILE, err);
        }
        if (status == SN_OK && sn_file_exists(metrics)) {
            check_metrics(&found, metrics);
        }
    } else if (sn_file_exists(target) && sn_format_of(target) == SN_FORMAT_METRICS) {
        check_metrics(&found, target);
    } else {
        status = check_checkpoint(target, &found, err);
    }
    if (status != SN_OK) {
        return status;
    }
    if (found.files == 0) {
        return found.alone
                   ? sn_fail(err, SN_ENOINPUT, "no such file (%s)", target)
                   : sn_fail(err, SN_ENOINPUT,
                             "nothing to verify (%s): no checkpoint and "
                             "no " SN_METRICS_FILE "; give a checkpoint file or the "
                             "folder of a run",
                             target);
    }
    *err = found.error;
    return found.status;
}

const sn_command sn_command_verify = {
    .name = "verify",
    .summary = "check the integrity of a checkpoint, a metrics.h5 or a whole run",
    .text =
        "Checks a checkpoint, a metrics.h5, or all of them in the folder of a run: "
        "structure, checksums, the SHA-256 digest of the training state, and that all "
        "numbers are finite. Prints one line per file, `good` or `bad`. The exit code "
        "is 65 if a file is damaged (the error names the first one) and 66 if there is "
        "nothing to check.\n\n"
        "The digest covers every attribute and tensor that a resumed run reads. It "
        "does not cover the comments for people: the attributes meaning, dimensions "
        "and unit of the datasets, and units of /progress.",
    .operands = {{SN_OPERAND("FILE|RUN", target,
                             "a checkpoint, a metrics.h5 or the folder of a run")}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .run = run};
