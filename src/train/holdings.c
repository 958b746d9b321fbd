#include "train/holdings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "train/console.h"
#include "train/resume.h"

/* What a run may continue from. */
typedef struct candidates {
    int64_t *steps; /* (count), newest first */
    size_t count;
    bool best;         /* is there a best.h5? */
    int64_t best_step; /* of it; -1 for one that cannot be read */
} candidates;

static int64_t step_of(const char *path)
{
    sn_checkpoint *checkpoint = NULL;
    sn_checkpoint_info info = {0};
    const sn_status status = sn_checkpoint_open(path, &checkpoint, &info, NULL);
    sn_checkpoint_close(&checkpoint);
    sn_checkpoint_info_clear(&info);
    return status == SN_OK ? info.progress.step : -1;
}

static sn_status list(const char *run, candidates *found, sn_error *err)
{
    char path[SN_PATH_BYTES];
    sn_status status = sn_checkpoint_list(run, &found->steps, &found->count, err);
    if (status == SN_OK) {
        status = sn_checkpoint_best_path(path, run, err);
    }
    found->best = status == SN_OK && sn_file_exists(path);
    if (found->best) {
        found->best_step = step_of(path);
    }
    return status;
}

/* The newest that can be read, best.h5 after others of its step; only damage is passed
 * over. */
static sn_status restore_newest(sn_state *state, const candidates *found, sn_error *err)
{
    const char *run = state->options->run;
    size_t next = 0;
    bool best_left = found->best;
    while (next < found->count || best_left) {
        char path[SN_PATH_BYTES];
        const bool best = best_left && (next == found->count ||
                                        found->best_step > found->steps[next]);
        sn_status status =
            best ? sn_checkpoint_best_path(path, run, err)
                 : sn_checkpoint_path(path, run, found->steps[next++], err);
        best_left = best_left && !best;
        bool damaged = false;
        if (status == SN_OK) {
            status = sn_resume_restore(state, path, &damaged, err);
        }
        if (!damaged) {
            return status;
        }
        sn_console_warn(state, "%s; passed over", err->message);
    }
    return sn_fail(err, SN_EDATA,
                   "resume (%s): every checkpoint is damaged; move the folder away to "
                   "start anew",
                   run);
}

/* Is the file in the folder of the run's own checkpoints? */
static bool is_own(const char *path, const char *run)
{
    char folder[SN_PATH_BYTES] = ".", own[SN_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    }
    struct stat a, b;
    return sn_path_join(own, run, "checkpoints", NULL) == SN_OK &&
           stat(folder, &a) == 0 && stat(own, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

sn_status sn_holdings_find(sn_state *state, int *resumed, sn_error *err)
{
    *resumed = 0;
    const char *run = state->options->run, *path = state->options->resume_path;
    const bool by_path = state->options->resume == SN_RESUME_PATH;
    candidates found = {0};
    sn_status status = list(run, &found, err);
    const bool any = status == SN_OK && (found.count > 0 || found.best);
    if (status == SN_OK && by_path && (!any || is_own(path, run))) {
        bool damaged;
        *resumed = 1;
        status = sn_resume_restore(state, path, &damaged, err);
    } else if (any && by_path) {
        status = sn_fail(err, SN_ECREATE,
                         "run (%s): already holds checkpoints of its own, and %s is "
                         "none of them; choose another --out",
                         run, path);
    } else if (any && state->options->resume == SN_RESUME_NEVER) {
        status =
            sn_fail(err, SN_ECREATE,
                    "run (%s): already holds a checkpoint; continue it with --resume "
                    "or choose another --out",
                    run);
    } else if (any) {
        status = restore_newest(state, &found, err);
        *resumed = status == SN_OK;
    }
    free(found.steps);
    return status;
}

/* The names of what has been set aside, as far as they find room. */
typedef struct moved {
    char names[512];
    size_t used, left_out;
} moved;

static sn_status set_aside(const char *path, moved *done, sn_error *err)
{
    char aside[SN_PATH_BYTES];
    int number;
    const sn_status status = sn_file_set_aside(path, "abandoned", aside, &number, err);
    if (status == SN_OK) {
        const char *slash = strrchr(aside, '/');
        const size_t room = sizeof done->names - done->used;
        const int length =
            snprintf(done->names + done->used, room, "%s%s", done->used > 0 ? ", " : "",
                     slash != NULL ? slash + 1 : aside);
        if (length > 0 && (size_t)length < room) {
            done->used += (size_t)length;
        } else {
            done->names[done->used] = '\0';
            done->left_out++;
        }
    }
    return status;
}

static void tell(const sn_state *state, const moved *done)
{
    char more[48] = "";
    if (done->left_out > 0) {
        snprintf(more, sizeof more, " and %zu more", done->left_out);
    }
    if (done->used > 0) {
        sn_console_warn(state,
                        "run (%s): goes on from step %" PRId64
                        "; what it leaves behind is set aside: %s%s",
                        state->options->run, state->progress.step, done->names, more);
    }
}

static sn_status leave_steps(const sn_state *state, moved *done, sn_error *err)
{
    const char *run = state->options->run;
    int64_t *steps = NULL;
    size_t count = 0;
    sn_status status = sn_checkpoint_list(run, &steps, &count, err);
    for (size_t i = count; i-- > 0 && status == SN_OK;) {
        char path[SN_PATH_BYTES];
        if (steps[i] > state->progress.step) {
            status = sn_checkpoint_path(path, run, steps[i], err);
            status = status == SN_OK ? set_aside(path, done, err) : status;
        }
    }
    free(steps);
    return status;
}

/* Into a file of the run. */
static sn_status copy(const sn_state *state, const char *from, const char *to,
                      sn_error *err)
{
    char folder[SN_PATH_BYTES];
    sn_checkpoint_state held = {0};
    sn_status status = sn_path_join(folder, state->options->run, "checkpoints", err);
    if (status == SN_OK) {
        status = sn_folder_create(folder, err);
    }
    if (status == SN_OK) {
        status = sn_checkpoint_load(from, &held, err);
    }
    if (status == SN_OK) {
        status = sn_checkpoint_write(to, &held.info, held.layers, err);
    }
    sn_checkpoint_state_clear(&held);
    return status;
}

/* Is the file good and of the moment that was restored?  The seconds of training tell
 * one trajectory from another. */
static bool is_restored(const sn_state *state, const char *path)
{
    sn_checkpoint_info info = {0};
    const bool is = sn_checkpoint_verify(path, &info, NULL) == SN_OK &&
                    memcmp(&info.progress, &state->progress, sizeof info.progress) == 0;
    sn_checkpoint_info_clear(&info);
    return is;
}

/* Where best.h5 or another run's file was restored: the run has that step too, and a
 * file of its name that is damaged or of another trajectory makes room. */
static sn_status save_restored(const sn_state *state, moved *done, sn_error *err)
{
    char path[SN_PATH_BYTES];
    sn_status status =
        sn_checkpoint_path(path, state->options->run, state->progress.step, err);
    if (status != SN_OK || strcmp(path, state->checkpoint) == 0) {
        return status;
    }
    if (sn_file_exists(path)) {
        if (is_restored(state, path)) {
            return SN_OK;
        }
        status = set_aside(path, done, err);
    }
    return status == SN_OK ? copy(state, state->checkpoint, path, err) : status;
}

/* Does the file hold the weights of the best epoch that progress names? */
static bool is_best(const sn_state *state, const char *path)
{
    const sn_position *wanted = &state->progress;
    sn_checkpoint_info info = {0};
    const bool good =
        sn_file_exists(path) && sn_checkpoint_verify(path, &info, NULL) == SN_OK;
    const sn_position *p = &info.progress;
    const bool is = good && p->epoch == wanted->best_epoch && p->step_in_epoch == 0 &&
                    p->best_epoch == wanted->best_epoch &&
                    p->best_error == wanted->best_error && p->seed == wanted->seed &&
                    strcmp(info.train_digest, state->loaded.data.train_digest) == 0;
    sn_checkpoint_info_clear(&info);
    return is;
}

/* Makes best.h5 of another file of the same weights: best.h5 beside the checkpoint that
 * was restored, that checkpoint, or the run's of the best epoch's last step. */
static sn_status bring_best(const sn_state *state, const char *best, bool *found,
                            sn_error *err)
{
    const int64_t epoch = state->progress.best_epoch;
    const char *slash = strrchr(state->checkpoint, '/');
    char folder[SN_PATH_BYTES] = ".", beside[SN_PATH_BYTES], step[SN_PATH_BYTES] = "";
    if (slash != NULL) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - state->checkpoint),
                 state->checkpoint);
    }
    sn_status status = sn_path_join(beside, folder, "best.h5", err);
    if (status == SN_OK && epoch <= state->progress.step / state->steps_per_epoch) {
        status = sn_checkpoint_path(step, state->options->run,
                                    epoch * state->steps_per_epoch, err);
    }
    const char *const paths[] = {beside, state->checkpoint, step};
    *found = false;
    for (size_t i = 0; i < 3 && status == SN_OK && !*found; i++) {
        *found = is_best(state, paths[i]);
        status = *found ? copy(state, paths[i], best, err) : SN_OK;
    }
    return status;
}

/* best.h5 stays while it is of the best epoch that the restored progress names.  Any
 * other is kept aside: where the run has not changed, it comes to the same best again;
 * where it has, those weights may have been better. */
static sn_status settle_best(sn_state *state, const char *best, moved *done,
                             sn_error *err)
{
    sn_position *p = &state->progress;
    const bool exists = sn_file_exists(best),
               keeps = state->config.checkpoint_keep_best;
    if (keeps ? is_best(state, best) : !exists || step_of(best) <= p->step) {
        return SN_OK;
    }
    sn_status status = exists ? set_aside(best, done, err) : SN_OK;
    if (status != SN_OK || !keeps || p->best_epoch == 0) {
        return status;
    }
    bool found;
    const int64_t epoch = p->best_epoch;
    status = bring_best(state, best, &found, err);
    if (status == SN_OK && !found &&
        !sn_config_is_finished(&state->config, p->epoch, epoch)) {
        p->best_epoch = 0;
        p->best_error = 1;
        sn_console_warn(state,
                        "best (%s): no file holds the weights of the best epoch, "
                        "%" PRId64 "; the best is sought from epoch %" PRId64 " on",
                        best, epoch, p->epoch + 1);
    }
    return status;
}

sn_status sn_holdings_claim(sn_state *state, sn_error *err)
{
    moved done = {.names = ""};
    char best[SN_PATH_BYTES];
    sn_status status = sn_checkpoint_best_path(best, state->options->run, err);
    if (status == SN_OK) {
        status = leave_steps(state, &done, err);
    }
    if (status == SN_OK) {
        status = save_restored(state, &done, err);
    }
    if (status == SN_OK) {
        status = settle_best(state, best, &done, err);
    }
    tell(state, &done);
    return status;
}

sn_status sn_holdings_read_best(sn_state *state, bool *found, sn_error *err)
{
    char path[SN_PATH_BYTES];
    sn_checkpoint *checkpoint = NULL;
    sn_checkpoint_info info = {0};
    sn_status status = sn_checkpoint_best_path(path, state->options->run, err);
    *found = false;
    if (status == SN_OK) {
        status = sn_checkpoint_open(path, &checkpoint, &info, err);
    }
    if (status == SN_OK) {
        *found = info.progress.epoch == state->progress.best_epoch &&
                 sn_resume_shape_matches(state, checkpoint, &info);
        status = *found ? sn_checkpoint_read(checkpoint, state->tensors, err)
                        : sn_fail(err, SN_EDATA,
                                  "best (%s): not of the best epoch, %" PRId64, path,
                                  state->progress.best_epoch);
    }
    sn_checkpoint_close(&checkpoint);
    sn_checkpoint_info_clear(&info);
    if (status != SN_OK) {
        sn_console_warn(state, "%s; the last weights are used", err->message);
        *found = false;
    }
    return SN_OK;
}
