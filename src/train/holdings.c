#include "train/holdings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "train/progress.h"
#include "train/resume.h"

/* The newest that can be read; only damage is passed over. */
static sn_status restore_newest(sn_state *state, const int64_t *steps, size_t count,
                                sn_error *err)
{
    sn_status status = SN_EDATA;
    for (size_t i = 0; i < count; i++) {
        char path[SN_PATH_BYTES];
        status = sn_checkpoint_path(path, state->options->run, steps[i], err);
        if (status == SN_OK) {
            status = sn_resume_restore(state, path, err);
        }
        if (status != SN_EDATA) {
            return status;
        }
        sn_progress_warn(state, "%s; passed over", err->message);
    }
    return sn_fail(err, SN_EDATA,
                   "resume (%s): every checkpoint is damaged; move the folder away to "
                   "start anew",
                   state->options->run);
}

sn_status sn_holdings_find(sn_state *state, int *resumed, sn_error *err)
{
    *resumed = 0;
    const char *run = state->options->run;
    if (state->options->resume == SN_RESUME_PATH) {
        *resumed = 1;
        return sn_resume_restore(state, state->options->resume_path, err);
    }
    int64_t *steps = NULL;
    size_t count = 0;
    sn_status status = sn_checkpoint_list(run, &steps, &count, err);
    if (status == SN_OK && count > 0 && state->options->resume == SN_RESUME_NEVER) {
        status =
            sn_fail(err, SN_ECREATE,
                    "run (%s): already holds a checkpoint; continue it with --resume "
                    "or choose another --out",
                    run);
    } else if (status == SN_OK && count > 0) {
        status = restore_newest(state, steps, count, err);
        *resumed = status == SN_OK;
    }
    free(steps);
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
    const sn_status status = sn_checkpoint_set_aside(path, aside, err);
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
        sn_progress_warn(state,
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
        if (steps[i] <= state->progress.step) {
            continue;
        }
        status = sn_checkpoint_path(path, run, steps[i], err);
        if (status == SN_OK) {
            status = set_aside(path, done, err);
        }
    }
    free(steps);
    return status;
}

sn_status sn_holdings_claim(sn_state *state, sn_error *err)
{
    moved done = {.names = ""};
    const sn_status status = leave_steps(state, &done, err);
    tell(state, &done);
    return status;
}
