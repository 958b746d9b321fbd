/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/system/clock.h"
#include "base/system/locale.h"
#include "base/system/stop.h"
#include "dist/watchdog/watchdog.h"
#include "run/run.h"
#include "shardnet/train.h"
#include "train/console/console.h"
#include "train/console/trace.h"
#include "train/deadline.h"
#include "train/decide.h"
#include "train/epoch.h"
#include "train/outcome.h"
#include "train/preflight.h"
#include "train/step/engine.h"
#include "train/step/replica_check.h"

/* Times and counts of this invocation. */
typedef struct invocation {
    double started, loop_started; /* clock */
    double last_checkpoint;       /* clock of the newest checkpoint */
    double last_write;            /* clock of the newest write of files */
    int64_t first_step;           /* number of finished updates at its start */
    int64_t samples_before;       /* number of samples processed before its start */
    int64_t epoch_samples_before; /* the same for the running epoch */
    int64_t checked_step;         /* step of the newest comparison of the replicas */
    sn_limit limit;               /* the limit of time that has passed; rank 0 only */
    double train_seconds;
    double last_train_loss;
    sn_profile epoch_profile; /* since the start of the epoch */
    sn_profile run_profile;   /* sum over the finished epochs */
} invocation;

/* A training owns all parts and passes each function the parts that it uses. */
typedef struct training {
    const sn_train_options *options;
    sn_engine engine;
    sn_console console;
    sn_deadline deadline;
    sn_run run;
    sn_busy *busy;   /* (size) on rank 0, empty elsewhere */
    sn_trace *trace; /* NULL if none is wanted, and after it is written */
    invocation now;
} training;

/* ---- the end of an epoch */

/* Adds the times of all ranks in the epoch to /ranks and to the sums of this
 * invocation. */
static sn_status record_ranks(training *t, const sn_epoch_row *epoch, sn_error *err)
{
    sn_engine *e = &t->engine;
    if (!e->config.metrics_per_rank) {
        return SN_OK;
    }
    const sn_rank_row mine = sn_epoch_describe_rank(e, &t->now.epoch_profile, epoch);
    const sn_rank_row *all = NULL;
    const sn_status status = sn_run_add_ranks(&t->run, &mine, &all, err);
    for (int r = 0; status == SN_OK && all != NULL && r < e->context.size; r++) {
        t->busy[r].seconds += all[r].gather_seconds + all[r].compute_seconds;
        memcpy(t->busy[r].host, all[r].host, sizeof t->busy[r].host);
    }
    return status;
}

static sn_status evaluate_epoch(training *t, sn_epoch_row *row, sn_error *err)
{
    const double begun = sn_clock_seconds();
    const sn_status status = sn_epoch_complete(&t->engine, row, err);
    sn_trace_add(t->trace, SN_PHASE_EVALUATION, t->engine.cursor.position.step, begun);
    t->deadline.longest_evaluation_seconds =
        fmax(t->deadline.longest_evaluation_seconds, sn_clock_seconds() - begun);
    sn_deadline_update(&t->deadline, t->run.totals.longest_seconds);
    return status;
}

static sn_status close_epoch(training *t, bool *improved, sn_error *err)
{
    sn_engine *e = &t->engine;
    sn_epoch_row row =
        sn_epoch_describe(e, &t->now.epoch_profile, t->now.epoch_samples_before);
    t->now.last_train_loss = row.train_loss;
    sn_profile_add(&t->now.run_profile, &t->now.epoch_profile);
    sn_cursor_close_epoch(&e->cursor);
    *improved = false;
    sn_status status = SN_OK;
    if (row.epoch % e->config.train_eval_every == 0 ||
        row.epoch == e->config.train_epochs) {
        status = evaluate_epoch(t, &row, err);
        if (status != SN_OK) {
            return status;
        }
        *improved = sn_cursor_record_error(&e->cursor, row.validation_error);
    }
    sn_run_add_epoch(&t->run, &row);
    status = record_ranks(t, &row, err);
    sn_watchdog_mark(e->context.comm, &sn_watchdog_output, -1);
    sn_console_epoch(&t->console, &e->config, &row);
    return status;
}

static sn_status open_epoch(training *t, sn_error *err)
{
    sn_engine *e = &t->engine;
    sn_cursor_open_epoch(&e->cursor);
    t->now.epoch_profile = (sn_profile){0};
    t->now.epoch_samples_before = e->cursor.position.epoch_samples;
    const int64_t every = e->config.metrics_every_steps;
    const size_t steps =
        every > 0 ? (size_t)(e->cursor.steps_per_epoch / every) + 1 : 0;
    return sn_run_reserve(
        &t->run, steps, e->config.metrics_per_rank ? (size_t)e->context.size : 0, err);
}

/* ---- steps */

static sn_requests poll(void *user, double now)
{
    training *t = user;
    const sn_engine *e = &t->engine;
    sn_requests own = {.stop = sn_stop_requested() != 0};
    if (e->context.rank == 0) {
        const double minutes = e->config.checkpoint_every_minutes;
        t->now.limit =
            sn_deadline_passed(&t->deadline, e->config.train_max_minutes, now);
        own.stop = own.stop || t->now.limit != SN_LIMIT_NONE;
        own.checkpoint = minutes > 0 && now - t->now.last_checkpoint >= 60 * minutes;
        own.files = now - t->now.last_write >= SN_FILES_SECONDS;
    }
    return own;
}

static void record_step(training *t, const sn_step_result *result)
{
    sn_engine *e = &t->engine;
    const sn_position *p = &e->cursor.position;
    const int64_t every = e->config.metrics_every_steps;
    const double count = (double)result->count, loss = result->loss_sum / count;
    t->now.train_seconds += result->seconds;
    sn_profile_add(&t->now.epoch_profile, &result->profile);
    sn_trace_add_step(t->trace, p->step, result);
    if (every > 0 && p->step % every == 0) {
        sn_run_add_step(&t->run,
                        &(sn_step_row){.step = p->step,
                                       .epoch = p->epoch,
                                       .learning_rate = result->rate,
                                       .loss = loss,
                                       .error = 1 - (double)result->correct / count,
                                       .seconds = result->seconds});
    }
    const sn_pace pace = {t->now.first_step, t->now.loop_started, sn_clock_seconds(),
                          t->now.train_seconds,
                          t->now.epoch_profile.reduce /
                              sn_profile_total(&t->now.epoch_profile)};
    sn_watchdog_mark(e->context.comm, &sn_watchdog_output, -1);
    sn_console_step(&t->console, &e->config, &e->cursor, &pace, loss);
}

/* Compares the replicas, unless this is switched off or done for this step. */
static sn_status check_replicas(training *t, sn_error *err)
{
    sn_engine *e = &t->engine;
    const int64_t step = e->cursor.position.step;
    if (e->config.comm_check_replicas_every == 0 || t->now.checked_step == step) {
        return SN_OK;
    }
    t->now.checked_step = step;
    return sn_replica_check(&e->context, &e->replica, step, err);
}

static sn_status run_step(training *t, sn_step_result *result, sn_error *err)
{
    sn_engine *e = &t->engine;
    sn_status status = sn_engine_step(e, poll, t, result, err);
    if (status != SN_OK) {
        return status;
    }
    record_step(t, result);
    const int64_t step = e->cursor.position.step;
    const int64_t every = e->config.comm_check_replicas_every;
    sn_replica_inject_fault(&e->context, &e->replica, step);
    return every > 0 && step % every == 0 ? check_replicas(t, err) : SN_OK;
}

/* ---- the loop */

static sn_run_state state_of(training *t)
{
    sn_engine *e = &t->engine;
    return (sn_run_state){.config = &e->config,
                          .data = &e->loaded.data,
                          .network = &e->replica.network,
                          .arrays = &e->replica.state,
                          .tensors = e->replica.tensors,
                          .steps_per_epoch = e->cursor.steps_per_epoch,
                          .position = &e->cursor.position};
}

static sn_status write_files(training *t, const sn_decision *decision, sn_error *err)
{
    const sn_run_state state = state_of(t);
    /* A checkpoint holds rank 0's replica, which must be that of all ranks. */
    sn_status status =
        decision->checkpoint || decision->best ? check_replicas(t, err) : SN_OK;
    if (status == SN_OK && decision->best && !decision->write) {
        status = sn_run_hold_best(&t->run, &state, err);
    }
    if (status != SN_OK || !decision->write) {
        return status;
    }
    const double begun = sn_clock_seconds();
    status = sn_run_write(&t->run, &state, decision->checkpoint, decision->best,
                          decision->final, err);
    sn_deadline_update(&t->deadline, t->run.totals.longest_seconds);
    sn_trace_add(t->trace, SN_PHASE_CHECKPOINT, t->engine.cursor.position.step, begun);
    t->now.last_write = sn_clock_seconds();
    if (decision->checkpoint) {
        t->now.last_checkpoint = t->now.last_write;
    }
    return status;
}

/* Runs one step, closes the epoch if the step completes it, decides, and acts. */
static sn_status advance(training *t, sn_decision *decision, sn_error *err)
{
    sn_engine *e = &t->engine;
    sn_step_result result;
    sn_status status = run_step(t, &result, err);
    if (status == SN_OK && sn_trace_is_full(t->trace)) {
        status = sn_trace_finish(&t->trace, &t->console, err);
    }
    if (status != SN_OK) {
        return status;
    }
    const sn_position *p = &e->cursor.position;
    sn_moment moment = {.stop_requested = result.requests.stop,
                        .checkpoint_due = result.requests.checkpoint,
                        .files_due = result.requests.files,
                        .epoch_closed = p->step_in_epoch == e->cursor.steps_per_epoch};
    if (moment.epoch_closed) {
        status = close_epoch(t, &moment.improved, err);
    }
    moment.step = p->step;
    moment.steps_here = p->step - t->now.first_step;
    moment.epoch = p->epoch;
    moment.best_epoch = p->best_epoch;
    *decision = sn_decide(&e->config, &moment);
    if (status == SN_OK) {
        status = write_files(t, decision, err);
    }
    if (status == SN_OK && moment.epoch_closed && !decision->leave) {
        status = open_epoch(t, err);
    }
    return status;
}

static sn_status run_loop(training *t, bool *stopped, sn_error *err)
{
    sn_engine *e = &t->engine;
    const sn_position *p = &e->cursor.position;
    sn_decision decision = {
        .leave = sn_config_is_finished(&e->config, p->epoch, p->best_epoch)};
    sn_status status = decision.leave ? SN_OK : open_epoch(t, err);
    while (status == SN_OK && !decision.leave) {
        status = advance(t, &decision, err);
    }
    *stopped = decision.stopped;
    return status;
}

/* ---- the result */

/* Evaluates the weights of the result on the test set. */
static sn_status finish(training *t, sn_train_result *result, sn_error *err)
{
    sn_engine *e = &t->engine;
    const sn_position *p = &e->cursor.position;
    const invocation *now = &t->now;
    const sn_run_state state = state_of(t);
    sn_target_found found;
    sn_status status = sn_outcome_restore(&t->run, &state, &found, err);
    if (status == SN_OK && found.best) {
        status = sn_replica_distribute(e->context.comm, &e->replica,
                                       &e->cursor.position, err);
    }
    sn_evaluation evaluation = {0};
    if (status == SN_OK) {
        status = sn_epoch_evaluate(e, &e->loaded.data.test, &evaluation, err);
    }
    *result = (sn_train_result){.epoch = p->epoch,
                                .step = p->step,
                                .train_loss = now->last_train_loss,
                                .test_loss = evaluation.loss,
                                .test_correct = evaluation.correct,
                                .test_count = evaluation.count,
                                .seconds = sn_clock_seconds() - now->started,
                                .train_seconds = now->train_seconds};
    if (p->step > now->first_step) {
        result->samples_per_second =
            (double)(p->samples_seen - now->samples_before) / now->train_seconds;
    }
    snprintf(result->checkpoint, sizeof result->checkpoint, "%s", t->run.checkpoint);
    if (status == SN_OK) {
        char reason[SN_REASON_BYTES];
        sn_outcome_describe_end(&e->config, p, p->step > now->first_step, reason);
        const sn_ending ending = {reason, found.path, found.best ? p : NULL};
        sn_console_result(&t->console, &e->config, result, &ending);
        sn_console_profile(&t->console, &now->run_profile, p->step - now->first_step,
                           t->busy, e->context.size);
        sn_run_print(&t->run, t->console.results);
    }
    return status;
}

/* ---- start and end */

/* Opens the run's folder and restores its state, or draws the initial weights. */
static sn_status open_run(training *t, bool *resumed, char changes[SN_CHANGES_BYTES],
                          sn_error *err)
{
    sn_engine *e = &t->engine;
    const sn_train_options *o = t->options;
    sn_position *p = &e->cursor.position;
    const sn_run_state state = state_of(t);
    sn_status status =
        sn_run_open(&t->run, e->context.comm, o->run, &e->replica.network,
                    &e->replica.optimizer, sn_console_warn, &t->console, err);
    if (status == SN_OK) {
        status = sn_run_restore(&t->run, &state, o->resume != SN_RESUME_NEVER,
                                o->resume == SN_RESUME_PATH ? o->resume_path : NULL,
                                changes, resumed, err);
    }
    if (status == SN_OK && !*resumed && e->context.rank == 0) {
        sn_replica_draw(&e->replica, &e->config, p->seed);
    }
    if (status == SN_OK) {
        status = sn_engine_choose(e, err);
    }
    if (status == SN_OK) {
        status = sn_run_commit(&t->run, err);
    }
    return status == SN_OK ? sn_replica_distribute(e->context.comm, &e->replica, p, err)
                           : status;
}

static sn_status run(training *t, sn_train_result *result, sn_error *err)
{
    sn_engine *e = &t->engine;
    const sn_position *p = &e->cursor.position;
    invocation *now = &t->now;
    char changes[SN_CHANGES_BYTES] = "";
    bool resumed = false, stopped = false;
    sn_status status = open_run(t, &resumed, changes, err);
    if (status != SN_OK) {
        return status;
    }
    now->first_step = p->step;
    now->samples_before = p->samples_seen;
    sn_console_header(&t->console, e);
    sn_console_start(&t->console, &t->deadline, resumed ? t->run.checkpoint : NULL, p,
                     changes);
    status = sn_preflight_warn_cores(&e->context, &t->console, err);
    now->loop_started = now->last_checkpoint = sn_clock_seconds();
    now->last_write =
        -SN_FILES_SECONDS; /* the first epoch ends with a write of files */
    if (status == SN_OK) {
        status = run_loop(t, &stopped, err);
    }
    if (status == SN_OK) {
        status = sn_trace_finish(&t->trace, &t->console, err);
    }
    if (status == SN_OK && !stopped) {
        status = finish(t, result, err);
    } else if (status == SN_OK) {
        char reason[SN_REASON_BYTES];
        sn_outcome_describe_stop(&e->config, p->step - now->first_step,
                                 sn_stop_requested(), now->limit, reason);
        status = sn_fail(err, SN_ESTOPPED,
                         "stopped early on request (epoch %" PRId64 ", step %" PRId64
                         "): %s; checkpoint written; continue with --resume",
                         sn_position_epoch(p), p->step, reason);
    }
    sn_console_clear_line(&t->console);
    if (status != SN_OK && status != SN_ESTOPPED && status != SN_ETAKEN &&
        status != SN_EMPI) {
        const sn_run_state state = state_of(t);
        sn_run_leave(&t->run, &state, err);
    }
    return status;
}

static sn_status train(sn_comm *comm, const sn_config *config,
                       const sn_train_options *options, sn_train_result *result,
                       sn_error *err)
{
    const double started = sn_clock_seconds();
    training t = {.options = options,
                  .console = sn_console_open(sn_comm_rank(comm), options->out,
                                             options->warnings, options->quiet),
                  .deadline = sn_deadline_start(started),
                  .now = {.started = started, .checked_step = -1}};
    sn_engine *e = &t.engine;
    sn_status status = sn_engine_open(e, comm, config, err);
    if (status == SN_OK) {
        const size_t count = e->context.rank == 0 ? (size_t)e->context.size : 0;
        t.busy = sn_comm_allocate(comm, count, sizeof *t.busy, "ranks", &status, err);
    }
    if (status == SN_OK && options->trace != NULL) {
        status = sn_trace_create(&e->context, options->trace, options->trace_steps,
                                 &t.trace, err);
    }
    if (status == SN_OK && options->handle_signals) {
        sn_stop_watch(NULL);
    }
    if (status == SN_OK) {
        status = run(&t, result, err);
        if (options->handle_signals) {
            sn_stop_unwatch();
        }
    }
    sn_watchdog_stop(comm); /* nothing marks progress from here on */
    sn_run_close(&t.run);
    sn_trace_destroy(&t.trace);
    sn_engine_close(e);
    free(t.busy);
    return status;
}

sn_status sn_train(sn_comm *comm, const sn_config *config,
                   const sn_train_options *options, sn_train_result *result,
                   sn_error *err)
{
    SN_LOCALE_C();
    sn_status status = sn_preflight_check(comm, config, err);
    if (status == SN_OK && options->on_hang != NULL &&
        config->comm_timeout_seconds != 0) {
        status = sn_watchdog_start(comm, config->comm_timeout_seconds, options->on_hang,
                                   options->on_hang_user, err);
    }
    return status == SN_OK ? train(comm, config, options, result, err) : status;
}
