/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/batch.h"
#include "dist/watchdog/watchdog.h"
#include "run/folder.h"
#include "shardnet/version.h"
#include "store/paths.h"

static const sn_activity using_files = {"files", false, false},
                         agreeing = {"agreement", true, false};

void sn_run_mark(const sn_run *run, size_t copies)
{
    sn_watchdog_mark_bytes(run->comm,
                           sn_comm_rank(run->comm) == 0 ? &using_files : &agreeing, -1,
                           copies * run->state_bytes);
}

static bool on_rank_0(const sn_run *run)
{
    return sn_comm_rank(run->comm) == 0;
}

static void report_lock(const char *message, void *user)
{
    sn_run *run = user;
    if (message != NULL) {
        run->warn(run->warn_user, "%s", message);
    }
    sn_run_mark(run, 1);
}

static sn_status open_folder(sn_run *run, const sn_network *network,
                             const sn_optimizer *optimizer, sn_error *err)
{
    static const double patience_seconds = 20; /* time for a killed job to end */
    sn_status status = sn_folder_create(run->folder, err);
    if (status == SN_OK) {
        status = sn_run_lock_acquire(run->folder, patience_seconds, report_lock, run,
                                     &run->lock, err);
    }
    return status == SN_OK ? sn_writer_create(network, optimizer, &run->writer, err)
                           : status;
}

sn_status sn_run_open(sn_run *run, sn_comm *comm, const char *folder,
                      const sn_network *network, const sn_optimizer *optimizer,
                      sn_warn *warn, void *warn_user, sn_error *err)
{
    *run =
        (sn_run){.comm = comm,
                 .folder = folder,
                 .warn = warn,
                 .warn_user = warn_user,
                 .state_bytes = sn_state_elements(optimizer, network) * sizeof(float),
                 .saved_step = -1};
    sn_run_mark(run, 1);
    const sn_status status =
        on_rank_0(run) ? open_folder(run, network, optimizer, err) : SN_OK;
    return sn_comm_agree(comm, status, err);
}

void sn_run_close(sn_run *run)
{
    sn_writer_destroy(&run->writer);
    sn_lineage_clear(&run->lineage);
    sn_rows_clear(&run->rows);
    sn_run_lock_release(&run->lock);
}

/* Rank 0 only. */
static sn_status restore(sn_run *run, const sn_run_state *state, bool resume,
                         const char *path, char changes[SN_CHANGES_BYTES],
                         bool *resumed, sn_error *err)
{
    const sn_lineage_record *restored = NULL;
    run->lineage = (sn_lineage){
        .run = run->folder, .state = state, .warn = run->warn, .user = run->warn_user};
    sn_status status = sn_lineage_scan(&run->lineage, err);
    if (status == SN_OK) {
        status =
            sn_lineage_restore(&run->lineage, resume, path, changes, &restored, err);
    }
    if (status == SN_OK && restored != NULL) {
        *resumed = true;
        *state->position = restored->position;
        run->saved_step = restored->position.step;
        memcpy(run->checkpoint, restored->path, sizeof run->checkpoint);
    }
    return status;
}

sn_status sn_run_restore(sn_run *run, const sn_run_state *state, bool resume,
                         const char *path, char changes[SN_CHANGES_BYTES],
                         bool *resumed, sn_error *err)
{
    sn_run_mark(run, 1);
    *resumed = false;
    changes[0] = '\0';
    sn_status status = SN_OK;
    if (on_rank_0(run)) {
        status = restore(run, state, resume, path, changes, resumed, err);
    }
    status = sn_comm_agree(run->comm, status, err);
    return status == SN_OK
               ? sn_comm_broadcast(run->comm, resumed, sizeof *resumed, 0, err)
               : status;
}

/* Reads the rows that the restored checkpoint, if any, carries. */
static sn_status read_pending(const sn_run *run, sn_rows *rows, sn_error *err)
{
    return run->saved_step < 0 ? SN_OK
                               : sn_checkpoint_pending(run->checkpoint, rows, err);
}

static void pass_on(const sn_run *run, const sn_error *warning)
{
    if (warning->message[0] != '\0') {
        run->warn(run->warn_user, "%s", warning->message);
    }
}

/* The metrics come last, because removing rows loses data. */
static sn_status prepare(sn_run *run, const char *config_text, const sn_rows *pending,
                         sn_error *err)
{
    const sn_lineage *lineage = &run->lineage;
    sn_error warning;
    sn_status status = SN_OK;
    if (!lineage->own) {
        status = sn_folder_set_aside(run->folder, config_text, run->saved_step < 0,
                                     &warning, err);
        pass_on(run, &warning);
    }
    if (status == SN_OK) {
        status = sn_lineage_apply(&run->lineage, err);
    }
    if (status == SN_OK) {
        status =
            sn_folder_prepare(run->folder, config_text, lineage->state->position->step,
                              pending, &warning, err);
        pass_on(run, &warning);
    }
    return status;
}

/* Rank 0 only. */
static sn_status commit(sn_run *run, sn_error *err)
{
    sn_rows pending = {{{NULL, 0, 0}}};
    sn_status status = sn_run_lock_check(run->lock, err);
    if (status == SN_OK) {
        status = read_pending(run, &pending, err);
    }
    char *text = status == SN_OK ? sn_config_text(run->lineage.state->config) : NULL;
    if (status == SN_OK) {
        status = text != NULL ? prepare(run, text, &pending, err)
                              : sn_fail(err, SN_ENOMEM, "configuration: out of memory");
    }
    free(text);
    sn_rows_clear(&pending);
    return status;
}

sn_status sn_run_commit(sn_run *run, sn_error *err)
{
    sn_run_mark(run,
                6); /* best.h5 and the checkpoint of a step: each read twice, written */
    const sn_status status = on_rank_0(run) ? commit(run, err) : SN_OK;
    return sn_comm_agree(run->comm, status, err);
}

sn_status sn_run_reserve(sn_run *run, size_t steps, size_t ranks, sn_error *err)
{
    const size_t more[SN_TABLES] = {1, steps, ranks};
    const sn_status status = !on_rank_0(run) || sn_rows_reserve(&run->rows, more)
                                 ? SN_OK
                                 : sn_fail(err, SN_ENOMEM, "metrics: out of memory");
    return sn_comm_agree(run->comm, status, err);
}

void sn_run_add_step(sn_run *run, const sn_step_row *row)
{
    sn_rows_add(&run->rows, SN_TABLE_STEPS, row, 1);
}

void sn_run_add_epoch(sn_run *run, const sn_epoch_row *row)
{
    sn_rows_add(&run->rows, SN_TABLE_EPOCHS, row, 1);
}

/* Sets wait_seconds of the rows (ranks): each rank waits at least for the slowest one.
 */
static void compute_waiting(sn_rank_row *rows, int ranks)
{
    double slowest = 0;
    for (int r = 0; r < ranks; r++) {
        slowest = fmax(slowest, rows[r].gather_seconds + rows[r].compute_seconds);
    }
    for (int r = 0; r < ranks; r++) {
        const double own = rows[r].gather_seconds + rows[r].compute_seconds;
        rows[r].wait_seconds = fmin(slowest - own, rows[r].reduce_seconds);
    }
}

sn_status sn_run_add_ranks(sn_run *run, const sn_rank_row *mine,
                           const sn_rank_row **all, sn_error *err)
{
    const size_t present = run->rows.table[SN_TABLE_RANKS].count;
    sn_rank_row *rows = run->rows.table[SN_TABLE_RANKS].rows;
    sn_rank_row *added = on_rank_0(run) ? rows + present : NULL;
    const sn_status status = sn_comm_gather(run->comm, mine, sizeof *mine, added, err);
    if (status == SN_OK && added != NULL) {
        const int ranks = sn_comm_size(run->comm);
        compute_waiting(added, ranks);
        run->rows.table[SN_TABLE_RANKS].count += (size_t)ranks;
    }
    *all = added;
    return status;
}

/* Fills info from the state.  Rank 0 only. */
static sn_status fill_info(const sn_run_state *state, sn_checkpoint_info *info,
                           sn_error *err)
{
    const sn_config *config = state->config;
    const sn_network *network = state->network;
    *info = (sn_checkpoint_info){.input = (int64_t)network->input,
                                 .classes = (int64_t)network->classes,
                                 .layers = (int64_t)network->layers,
                                 .input_scale = SN_INPUT_SCALE,
                                 .train_count = (int64_t)state->data->train.count,
                                 .position = *state->position,
                                 .second_moments = state->arrays->second_moment != NULL,
                                 .averaged = state->arrays->average != NULL};
    snprintf(info->program_version, sizeof info->program_version, "%s", sn_version());
    snprintf(info->activation, sizeof info->activation, "%s",
             sn_config_choice_name("model", "activation", config->model_activation));
    snprintf(info->data_source, sizeof info->data_source, "%s",
             sn_config_choice_name("data", "source", config->data_source));
    snprintf(info->train_digest, sizeof info->train_digest, "%s",
             state->data->train_digest);
    sn_activation_scales((sn_activation)config->model_activation,
                         &info->activation_scale_out, &info->activation_scale_in);
    char *text = sn_config_text(config);
    if (text == NULL) {
        return sn_fail(err, SN_ENOMEM, "checkpoint: out of memory");
    }
    const size_t bytes = strlen(text) + 1;
    if (bytes <= sizeof info->config_text) {
        memcpy(info->config_text, text, bytes);
    }
    free(text);
    return bytes <= sizeof info->config_text
               ? SN_OK
               : sn_fail(err, SN_ERANGE,
                         "checkpoint refused: configuration longer than %d bytes",
                         SN_CHECKPOINT_CONFIG_BYTES - 1);
}

static void warn_if_failed(const sn_run *run, const sn_writer_result *result,
                           const char *then)
{
    if (result->status != SN_OK) {
        run->warn(run->warn_user, "%s%s", result->err.message, then);
    }
}

/* After a write, a run continues in one of these ways. */
typedef enum ending {
    RUNS_ON,
    ENDS_EARLY, /* best.h5 may be missing: a resumed run looks for a best epoch again */
    FINISHES
} ending;

/* Returns the first failure of a required write; other failures become warnings. */
static sn_status judge(const sn_run *run, const sn_writer_outcome *outcome, ending end,
                       sn_error *err)
{
    const sn_writer_result *const results[] = {&outcome->step, &outcome->metrics,
                                               &outcome->best};
    const size_t required = end == FINISHES ? 3 : 2;
    sn_status status = SN_OK;
    for (size_t i = 0; i < 3; i++) {
        if (status == SN_OK && i < required) {
            status = results[i]->status;
            if (status != SN_OK) {
                *err = results[i]->err;
            }
        } else {
            warn_if_failed(run, results[i],
                           i == 2 && end == RUNS_ON ? "; retried at the next checkpoint"
                                                    : "");
        }
    }
    return status;
}

/* Waits for the last write.  Fails if the checkpoint of the step, the metrics or, at
 * the end of a finished run, best.h5 were not written.  Rank 0 only. */
static sn_status wait_for_write(sn_run *run, ending end, sn_error *err)
{
    sn_writer_outcome outcome;
    sn_writer_wait(run->writer, &outcome, &run->totals);
    if (outcome.saved_step >= 0 &&
        sn_checkpoint_path(run->checkpoint, run->folder, outcome.saved_step, NULL) ==
            SN_OK) {
        run->saved_step = outcome.saved_step;
    }
    if (outcome.warning.message[0] != '\0') {
        run->warn(run->warn_user, "%s", outcome.warning.message);
    }
    warn_if_failed(run, &outcome.rotate, "; older checkpoints were not removed");
    return judge(run, &outcome, end, err);
}

/* Passes the rows and the state to the writer.  If this fails, the writer holds the
 * best epoch for the next job.  Rank 0 only. */
static sn_status submit(sn_run *run, const sn_run_state *state, bool checkpoint,
                        bool best, sn_error *err)
{
    sn_checkpoint_info info;
    sn_status status = fill_info(state, &info, err);
    if (status != SN_OK) {
        return status;
    }
    const sn_writer_job job = {.run = run->folder,
                               .lock = run->lock,
                               .step = checkpoint,
                               .best = best,
                               .keep = (size_t)state->config->checkpoint_keep,
                               .rows = &run->rows};
    status = sn_writer_submit(run->writer, &job, &info, state->arrays, err);
    sn_error why;
    if (status != SN_OK && best &&
        sn_writer_hold_best(run->writer, &info, state->arrays, &why) != SN_OK) {
        run->warn(run->warn_user, "%s; " SN_BEST_FILE " will be missing", why.message);
    }
    return status;
}

/* Turns a failed write into a warning unless final. */
static sn_status warn_or_fail(const sn_run *run, sn_status status, bool final,
                              sn_error *err)
{
    const bool may_retry =
        status == SN_EIO || status == SN_ECREATE || status == SN_ENOMEM;
    if (may_retry && !final) {
        run->warn(run->warn_user,
                  "%s; training continues; retried at the next interval", err->message);
        return SN_OK;
    }
    return may_retry ? SN_EIO : status;
}

/* Waits for the last write; its failure is a warning.  Collective. */
static sn_status finish_last_write(sn_run *run, sn_error *err)
{
    sn_run_mark(run, 4); /* the previous write and the next, each with best.h5 */
    const sn_status status = on_rank_0(run) ? wait_for_write(run, RUNS_ON, err) : SN_OK;
    return warn_or_fail(run, sn_comm_agree(run->comm, status, err), false, err);
}

sn_status sn_run_hold_best(sn_run *run, const sn_run_state *state, sn_error *err)
{
    sn_status status = finish_last_write(run, err);
    if (status != SN_OK) {
        return status;
    }
    if (on_rank_0(run)) {
        sn_checkpoint_info info;
        status = fill_info(state, &info, err);
        if (status == SN_OK &&
            sn_writer_hold_best(run->writer, &info, state->arrays, err) != SN_OK) {
            status = submit(run, state, false, true, err);
        }
    }
    return warn_or_fail(run, sn_comm_agree(run->comm, status, err), false, err);
}

sn_status sn_run_write(sn_run *run, const sn_run_state *state, bool checkpoint,
                       bool best, bool final, sn_error *err)
{
    sn_status status = finish_last_write(run, err);
    if (status != SN_OK) {
        return status;
    }
    if (on_rank_0(run)) {
        status = submit(run, state, checkpoint, best, err);
        if (status == SN_OK && final) {
            const sn_position *p = state->position;
            status = wait_for_write(
                run,
                sn_config_is_finished(state->config, p->epoch, p->best_epoch)
                    ? FINISHES
                    : ENDS_EARLY,
                err);
        }
    }
    return warn_or_fail(run, sn_comm_agree(run->comm, status, err), final, err);
}

void sn_run_leave(sn_run *run, const sn_run_state *state, sn_error *err)
{
    if (!on_rank_0(run)) {
        return;
    }
    sn_error why;
    sn_run_mark(run,
                2); /* the other ranks may have ended: nothing else marks progress */
    if (wait_for_write(run, ENDS_EARLY, &why) != SN_OK) {
        run->warn(run->warn_user, "%s", why.message);
    }
    if (!sn_rows_empty(&run->rows)) {
        sn_run_mark(run, 1);
        sn_status status = submit(run, state, false, false, &why);
        if (status == SN_OK) {
            status = wait_for_write(run, ENDS_EARLY, &why);
        }
        if (status != SN_OK) {
            run->warn(run->warn_user, "%s", why.message);
        }
    }
    why = *err;
    if (run->saved_step < 0) {
        (void)sn_fail(err, SN_OK, "%s; no checkpoint yet", why.message);
    } else {
        (void)sn_fail(err, SN_OK, "%s; continue with --resume from %s", why.message,
                      run->checkpoint);
    }
}

void sn_run_print(const sn_run *run, FILE *out)
{
    if (!on_rank_0(run) || out == NULL) {
        return;
    }
    if (run->totals.count > 0) {
        fprintf(out,
                "store    %" PRId64
                " checkpoints written in the background; training waited %.3f s\n",
                run->totals.count, run->totals.stall_seconds);
    }
    fprintf(out,
            "files    %s: " SN_CONFIG_FILE ", " SN_METRICS_FILE
            "; newest checkpoint %s\n",
            run->folder, run->checkpoint);
    fflush(out);
}
