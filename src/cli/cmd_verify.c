#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/job.h"
#include "eval/target.h"
#include "store/checkpoint/checkpoint.h"
#include "store/h5/format.h"
#include "store/metrics/metrics.h"
#include "store/paths.h"

#define SEE_HELP "see `shardnet verify --help`"

static const char help_text[] =
    "usage: shardnet verify FILE|RUN\n"
    "\n"
    "Checks a checkpoint, a metrics.h5, or all of them in a run's folder:\n"
    "structure, checksums, the digest over the whole state, and that every number is\n"
    "finite.  One line a file, `good` or `bad`; exit code 65 when a file is damaged,\n"
    "with the first fault named, 66 when there is nothing to check.\n"
    "\n"
    "The digest covers every attribute and tensor that is read back.  Outside it are\n"
    "the notes for people: the attributes meaning, dimensions and unit of the\n"
    "datasets and units of /progress; a change there does no harm.\n";

/* The first fault of all files. */
typedef struct verdict {
    sn_status status;
    sn_error fault;
    size_t files;
    bool alone; /* the file is all there is: the error says the rest */
} verdict;

/* Tells of a bad file; the good have told of themselves. */
static void judge(verdict *found, const char *path, sn_status status,
                  const sn_error *why)
{
    found->files++;
    if (status != SN_OK) {
        printf("bad   %s\n", found->alone ? path : why->message);
    }
    if (found->status == SN_OK) {
        found->status = status;
        found->fault = *why;
    }
}

/* False where a running job has removed the file meanwhile, which is no fault. */
static bool check_checkpoint(verdict *found, const char *path)
{
    sn_checkpoint_info info;
    sn_error why = {""};
    sn_status status = sn_checkpoint_verify(path, &info, &why);
    if (status == SN_OK) {
        printf("good  %s: epoch %" PRId64 ", step %" PRId64 ", SHA-256 %s\n", path,
               info.progress.epoch, info.progress.step, info.digest);
    }
    sn_checkpoint_info_clear(&info);
    if (status != SN_OK && !sn_file_exists(path)) {
        return false;
    }
    judge(found, path, status, &why);
    return true;
}

static void check_metrics(verdict *found, const char *path)
{
    size_t epochs, steps, ranks;
    sn_error why = {""};
    sn_status status = sn_metrics_verify(path, &epochs, &steps, &ranks, &why);
    if (status == SN_OK) {
        printf("good  %s: %zu epochs, %zu steps, %zu rows of ranks\n", path, epochs,
               steps, ranks);
    }
    judge(found, path, status, &why);
}

/* *gone where there were some, but none of them any more. */
static sn_status check_listed(verdict *found, const char *run, bool *gone,
                              sn_error *err)
{
    int64_t *steps;
    size_t count;
    char path[SN_PATH_BYTES];
    sn_status status = sn_target_list(run, &steps, &count, err);
    *gone = count > 0;
    for (size_t i = 0; status == SN_OK && i < count; i++) {
        status = sn_checkpoint_path(path, run, steps[i], err);
        if (status == SN_OK && check_checkpoint(found, path)) {
            *gone = false;
        }
    }
    free(steps);
    return status;
}

static sn_status check_run(verdict *found, const char *run, sn_error *err)
{
    char path[SN_PATH_BYTES];
    sn_status status = SN_OK;
    bool gone = true;
    for (int i = 0; status == SN_OK && gone && i < SN_TARGET_TRIES; i++) {
        status = check_listed(found, run, &gone, err);
    }
    if (status == SN_OK) {
        status = sn_checkpoint_best_path(path, run, err);
    }
    if (status == SN_OK && sn_file_exists(path)) {
        (void)check_checkpoint(found, path);
    }
    if (status == SN_OK) {
        status = sn_path_join(path, run, SN_METRICS_FILE, err);
    }
    if (status == SN_OK && sn_file_exists(path)) {
        check_metrics(found, path);
    }
    if (status == SN_OK && found->files == 0) {
        status =
            sn_fail(err, SN_ENOINPUT,
                    "nothing to verify (%s): no checkpoint and no " SN_METRICS_FILE "; "
                    "give a checkpoint file or the folder of a run",
                    run);
    }
    return status;
}

static sn_status verify(const char *target, sn_error *err)
{
    verdict found = {.status = SN_OK, .alone = !sn_is_folder(target)};
    sn_status status = SN_OK;
    if (!found.alone) {
        status = check_run(&found, target, err);
    } else if (!sn_file_exists(target)) {
        status = sn_fail(err, SN_ENOINPUT, "no such file (%s)", target);
    } else if (sn_format_of(target) == SN_FORMAT_METRICS) {
        check_metrics(&found, target);
    } else if (!check_checkpoint(&found, target)) {
        status = sn_fail(err, SN_ENOINPUT, "no such file (%s)", target);
    }
    if (status == SN_OK && found.status != SN_OK) {
        *err = found.fault;
        status = found.status;
    }
    return status;
}

sn_status sn_cmd_verify(int argc, char **argv, sn_error *err)
{
    const char *target = NULL;
    bool ended = false;
    if (sn_job_asks_for_help(argc, argv)) {
        fputs(help_text, stdout);
        return SN_OK;
    }
    for (int i = 1; i < argc; i++) {
        const sn_word word = sn_job_word(argv[i], &ended);
        if (word == SN_WORD_END) {
            continue;
        }
        if (word == SN_WORD_OPTION) {
            return sn_fail(err, SN_EUSAGE,
                           "unknown option (%s): verify has none; " SEE_HELP, argv[i]);
        }
        if (target != NULL) {
            return sn_fail(
                err, SN_EUSAGE,
                "too many arguments (%s): verify takes one file or folder; " SEE_HELP,
                argv[i]);
        }
        target = argv[i];
    }
    if (target == NULL) {
        return sn_fail(err, SN_EUSAGE,
                       "missing argument (verify): it needs a checkpoint, a metrics.h5 "
                       "or the folder of a run; " SEE_HELP);
    }
    sn_status status = verify(target, err);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == SN_OK) {
        status = sn_fail(err, SN_EIO, "cannot write to standard output");
    }
    return status;
}
