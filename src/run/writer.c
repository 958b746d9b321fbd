/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/system/clock.h"
#include "base/system/locale.h"
#include "base/system/thread.h"
#include "run/folder.h"

/* A copy of the state of training. */
typedef struct snapshot {
    sn_checkpoint_info info;
    sn_state arrays;
    sn_layer_tensors *tensors; /* views of the arrays */
} snapshot;

struct sn_writer {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool busy, ending; /* under mutex */

    /* The caller uses these while the writer is idle, the thread while it is busy. */
    const sn_network *network;
    const sn_optimizer *optimizer;
    snapshot *state; /* state of the job */
    snapshot *held;  /* state of the best epoch; NULL until it is needed */
    bool best_held;  /* held must still be written to best.h5 */
    char run[SN_PATH_BYTES];
    sn_run_lock *lock;
    bool step, best; /* as in sn_writer_job */
    size_t keep;
    sn_backlog backlog;

    sn_writer_outcome outcome; /* results of the last job */
    sn_writer_totals totals;
};

static const sn_writer_outcome nothing = {.saved_step = -1};

static void write_checkpoint(sn_writer *writer, const snapshot *from, bool best,
                             sn_writer_result *part)
{
    char path[SN_PATH_BYTES];
    part->status = sn_run_lock_check(writer->lock, &part->err);
    if (part->status == SN_OK) {
        part->status = best ? sn_checkpoint_best_path(path, writer->run, &part->err)
                            : sn_checkpoint_path(path, writer->run,
                                                 from->info.position.step, &part->err);
    }
    if (part->status == SN_OK) {
        part->status = sn_checkpoint_write(path, &from->info, from->tensors,
                                           &writer->backlog.rows, &part->err);
    }
    writer->totals.count += part->status == SN_OK;
}

/* Writes best.h5 before the checkpoint of the step, because the latter names the epoch
 * that best.h5 must hold.  A failure of one does not prevent the other.  Removes older
 * checkpoints last, when the new one is verified. */
static void write_checkpoints(sn_writer *writer, sn_writer_outcome *outcome)
{
    const snapshot *best = writer->best ? writer->state : writer->held;
    writer->best_held = writer->best_held || writer->best;
    if (!writer->step && !writer->best_held) {
        return;
    }
    sn_writer_result *first = writer->step ? &outcome->step : &outcome->best;
    first->status = sn_checkpoint_create_folder(writer->run, &first->err);
    if (first->status != SN_OK) {
        return;
    }
    if (writer->best_held) {
        write_checkpoint(writer, best, true, &outcome->best);
        writer->best_held = outcome->best.status != SN_OK;
    }
    if (!writer->step) {
        return;
    }
    write_checkpoint(writer, writer->state, false, &outcome->step);
    if (outcome->step.status == SN_OK) {
        outcome->saved_step = writer->state->info.position.step;
        outcome->rotate.status = sn_run_lock_check(writer->lock, &outcome->rotate.err);
    }
    if (outcome->step.status == SN_OK && outcome->rotate.status == SN_OK) {
        outcome->rotate.status = sn_checkpoint_rotate(
            writer->run, outcome->saved_step, writer->keep, &outcome->rotate.err);
    }
}

/* Keeps the state of the job for the next one if best.h5 could not be written. */
static void hold_failed_best(sn_writer *writer)
{
    if (writer->best && writer->best_held) {
        snapshot *older = writer->held;
        writer->held = writer->state;
        writer->state = older;
    }
}

/* Discards the contents of a copy that no write needs. */
static void snapshot_discard(snapshot *s)
{
    if (s != NULL) {
        sn_mem_discard(s->arrays.parameters, s->arrays.elements * sizeof(float));
    }
}

/* Writes the metrics before the checkpoints: a resumed run removes rows after its
 * checkpoint, but it cannot recompute rows before it.  A failure to write metrics does
 * not prevent the checkpoints, but a folder that another job has taken over does. */
static void do_job(sn_writer *writer)
{
    sn_writer_outcome *outcome = &writer->outcome;
    *outcome = nothing;
    if (sn_fault_check("writer.slow", 0, -1, NULL) != SN_OK) {
        sleep(4);
    }
    outcome->metrics.status = sn_run_lock_check(writer->lock, &outcome->metrics.err);
    if (outcome->metrics.status != SN_OK) {
        return;
    }
    outcome->metrics.status =
        sn_folder_append(writer->run, writer->state->info.config_text, &writer->backlog,
                         &outcome->warning, &outcome->metrics.err);
    write_checkpoints(writer, outcome);
    hold_failed_best(writer);
    snapshot_discard(writer->state);
    if (!writer->best_held) {
        snapshot_discard(writer->held);
    }
}

/* Returns how long this thread was ready to run but waited for a core, as Linux counts
 * it; 0 on systems without this counter. */
static double seconds_waiting_for_core(void)
{
    long long nanoseconds[2]; /* [0] running, [1] waiting for a core */
    return sn_file_numbers("/proc/thread-self/schedstat", nanoseconds, 2) == 2
               ? 1e-9 * (double)nanoseconds[1]
               : 0;
}

/* Lowers the priority of this thread, so that training runs first on a shared core.
 * The time in which training waits for other ranks is usually enough for the writer.
 * On Linux PRIO_PROCESS with 0 means the calling thread. */
static void lower_priority(void)
{
    enum { NICE = 15 };
    (void)setpriority(PRIO_PROCESS, 0, NICE);
}

static void *work(void *user)
{
    SN_LOCALE_C();
    sn_writer *writer = user;
    lower_priority();
    pthread_mutex_lock(&writer->mutex);
    for (;;) {
        while (!writer->busy && !writer->ending) {
            pthread_cond_wait(&writer->changed, &writer->mutex);
        }
        if (!writer->busy) {
            break;
        }
        pthread_mutex_unlock(&writer->mutex);
        const double begun = sn_clock_seconds() - seconds_waiting_for_core();
        do_job(writer);
        const double seconds = sn_clock_seconds() - seconds_waiting_for_core() - begun;
        pthread_mutex_lock(&writer->mutex);
        writer->totals.longest_seconds = fmax(writer->totals.longest_seconds, seconds);
        writer->busy = false;
        pthread_cond_broadcast(&writer->changed);
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

static void snapshot_destroy(snapshot *s)
{
    if (s != NULL) {
        free(s->arrays.parameters);
        free(s->tensors);
        free(s);
    }
}

/* Allocates *at unless it exists.  Returns false if memory is short. */
static bool snapshot_create(snapshot **at, const sn_writer *writer)
{
    if (*at != NULL) {
        return true;
    }
    snapshot *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return false;
    }
    const sn_network *network = writer->network;
    /* the first snapshot_copy, not calloc, takes the pages of a large copy */
    float *memory =
        calloc(sn_state_elements(writer->optimizer, network), sizeof *memory);
    s->arrays.parameters = memory;
    s->tensors = calloc(network->layers, sizeof *s->tensors);
    if (memory == NULL || s->tensors == NULL) {
        snapshot_destroy(s);
        return false;
    }
    s->arrays = sn_state_at(writer->optimizer, network, memory);
    sn_checkpoint_tensors(network, &s->arrays, s->tensors);
    *at = s;
    return true;
}

static void snapshot_copy(snapshot *s, const sn_state *state)
{
    memcpy(s->arrays.parameters, state->parameters,
           state->elements * sizeof *state->parameters);
}

static void release(sn_writer *writer)
{
    pthread_mutex_destroy(&writer->mutex);
    pthread_cond_destroy(&writer->changed);
    sn_rows_clear(&writer->backlog.rows);
    snapshot_destroy(writer->state);
    snapshot_destroy(writer->held);
    free(writer);
}

size_t sn_writer_bytes(const sn_network *network, const sn_optimizer *optimizer)
{
    return sn_state_elements(optimizer, network) * sizeof(float);
}

sn_status sn_writer_create(const sn_network *network, const sn_optimizer *optimizer,
                           sn_writer **out, sn_error *err)
{
    *out = NULL;
    sn_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        return sn_fail(err, SN_ENOMEM, "checkpoint writer: out of memory");
    }
    (void)pthread_mutex_init(&writer->mutex, NULL);
    (void)pthread_cond_init(&writer->changed, NULL);
    writer->outcome = nothing;
    writer->network = network;
    writer->optimizer = optimizer;
    sn_status status = SN_OK;
    if (!snapshot_create(&writer->state, writer)) {
        status = sn_fail(err, SN_ENOMEM,
                         "checkpoint writer (a copy of %zu parameters): out of memory",
                         network->parameters);
    } else if (sn_thread_start(&writer->thread, work, writer) != 0) {
        status = sn_fail(err, SN_EINTERNAL,
                         "checkpoint writer: cannot create a thread; "
                         "raise the limit on processes (ulimit -u)");
    }
    if (status != SN_OK) {
        release(writer);
        return status;
    }
    *out = writer;
    return SN_OK;
}

void sn_writer_destroy(sn_writer **writer)
{
    if (*writer == NULL) {
        return;
    }
    pthread_mutex_lock(&(*writer)->mutex);
    (*writer)->ending = true;
    pthread_cond_broadcast(&(*writer)->changed);
    pthread_mutex_unlock(&(*writer)->mutex);
    (void)pthread_join((*writer)->thread, NULL);
    release(*writer);
    *writer = NULL;
}

sn_status sn_writer_hold_best(sn_writer *writer, const sn_checkpoint_info *info,
                              const sn_state *state, sn_error *err)
{
    if (!snapshot_create(&writer->held, writer)) {
        return sn_fail(err, SN_ENOMEM, "copy of the best epoch: out of memory");
    }
    writer->held->info = *info;
    snapshot_copy(writer->held, state);
    writer->best_held = true;
    return SN_OK;
}

sn_status sn_writer_submit(sn_writer *writer, const sn_writer_job *job,
                           const sn_checkpoint_info *info, const sn_state *state,
                           sn_error *err)
{
    const double begun = sn_clock_seconds();
    if (!snapshot_create(&writer->state, writer) ||
        !sn_rows_move(&writer->backlog.rows, job->rows)) {
        return sn_fail(err, SN_ENOMEM, "metrics: out of memory");
    }
    writer->state->info = *info;
    writer->keep = job->keep;
    strcpy(writer->run, job->run);
    writer->lock = job->lock;
    writer->step = job->step;
    writer->best = job->best;
    if (job->step || job->best) {
        snapshot_copy(writer->state, state);
    }
    pthread_mutex_lock(&writer->mutex);
    writer->busy = true;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
    writer->totals.stall_seconds += sn_clock_seconds() - begun;
    return SN_OK;
}

void sn_writer_wait(sn_writer *writer, sn_writer_outcome *outcome,
                    sn_writer_totals *totals)
{
    const double begun = sn_clock_seconds();
    pthread_mutex_lock(&writer->mutex);
    while (writer->busy) {
        pthread_cond_wait(&writer->changed, &writer->mutex);
    }
    pthread_mutex_unlock(&writer->mutex);
    writer->totals.stall_seconds += sn_clock_seconds() - begun;
    *outcome = writer->outcome;
    *totals = writer->totals;
    writer->outcome = nothing;
}
