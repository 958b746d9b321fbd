/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/outcome.h"

#include <string.h>

#include "run/restore.h"

typedef struct source {
    const sn_run_state *state;
    char best[SN_PATH_BYTES]; /* best.h5 of the run */
} source;

/* Restores best.h5.  The weights of the newest checkpoint are in memory. */
static sn_status use(const char *path, void *user, sn_error *err)
{
    const source *from = user;
    return strcmp(path, from->best) == 0 ? sn_restore_weights(path, from->state, err)
                                         : SN_OK;
}

/* Rank 0 only. */
static void find(sn_run *run, const sn_run_state *state, sn_target_found *found)
{
    source from = {.state = state};
    sn_error why;
    sn_status status = sn_checkpoint_best_path(from.best, run->folder, &why);
    if (status == SN_OK) {
        status = sn_target_result(run->folder, NULL, use, &from, found, &why);
    }
    if (status != SN_OK) {
        *found = (sn_target_found){.notice = why};
        memcpy(found->path, run->checkpoint, sizeof found->path);
    }
    if (found->notice.message[0] != '\0') {
        run->warn(run->warn_user, "%s", found->notice.message);
    }
}

sn_status sn_outcome_restore(sn_run *run, const sn_run_state *state,
                             sn_target_found *found, sn_error *err)
{
    *found = (sn_target_found){.best = false};
    sn_run_mark(run, 2); /* the newest checkpoint and best.h5 */
    if (sn_comm_rank(run->comm) == 0) {
        find(run, state, found);
    }
    bool best = found->best;
    const sn_status status = sn_comm_broadcast(run->comm, &best, sizeof best, 0, err);
    found->best = best;
    return status == SN_OK && best ? sn_comm_broadcast(run->comm, state->parameters,
                                                       run->arena_bytes, 0, err)
                                   : status;
}
