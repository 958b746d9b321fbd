/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/outcome.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "run/restore.h"

void sn_outcome_describe_end(const sn_config *config, const sn_position *position,
                             bool trained, char text[SN_REASON_BYTES])
{
    const sn_position *p = position;
    if (p->epoch >= config->train_epochs) {
        snprintf(text, SN_REASON_BYTES, "%s epoch %" PRId64 "%s%" PRId64,
                 trained ? "finished" : "nothing to do: already at", p->epoch,
                 trained ? " of " : ", train.epochs = ", config->train_epochs);
        return;
    }
    snprintf(text, SN_REASON_BYTES,
             "%searly stopping after epoch %" PRId64
             ": no lower validation error since epoch %" PRId64
             " (train.early_stop_patience = %" PRId64 ")",
             trained ? "" : "nothing to do: ", p->epoch, p->best_epoch,
             config->train_early_stop_patience);
}

static const char *name_of(int signal_number)
{
    static const struct {
        int number;
        const char *name;
    } signals[] = {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGUSR1, "SIGUSR1"},
                   {SIGUSR2, "SIGUSR2"}, {SIGHUP, "SIGHUP"}, {SIGXCPU, "SIGXCPU"}};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (signals[i].number == signal_number) {
            return signals[i].name;
        }
    }
    return "a signal";
}

void sn_outcome_describe_stop(const sn_config *config, int64_t steps, int signal_number,
                              sn_limit limit, char text[SN_REASON_BYTES])
{
    if (config->train_max_steps > 0 && steps >= config->train_max_steps) {
        snprintf(text, SN_REASON_BYTES, "train.max_steps = %" PRId64,
                 config->train_max_steps);
    } else if (signal_number != 0) {
        snprintf(text, SN_REASON_BYTES, "%s", name_of(signal_number));
    } else if (limit == SN_LIMIT_MINUTES) {
        snprintf(text, SN_REASON_BYTES, "train.max_minutes = %g",
                 config->train_max_minutes);
    } else {
        snprintf(text, SN_REASON_BYTES, "%s",
                 limit == SN_LIMIT_JOB ? "the batch job ends soon"
                                       : "another rank received a signal");
    }
}

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
    return status;
}
