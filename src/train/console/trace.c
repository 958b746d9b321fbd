/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/console/trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/system/clock.h"
#include "base/system/file.h"
#include "base/text/utf8.h"
#include "dist/comm/clock.h"
#include "dist/watchdog/watchdog.h"

enum { PHASES_OF_STEP = 5, OTHERS = 64 }; /* events per step, and per trace */

static const char *const names[SN_PHASES] = {
    "gather", "forward", "backward", "reduce", "update", "evaluation", "checkpoint"};

/* All ranks add the same events in the same order. */
typedef struct event {
    double begin, seconds; /* begin is a time of rank 0's clock */
    int64_t step;
    sn_phase phase;
} event;

struct sn_trace {
    sn_comm *comm;
    char path[SN_PATH_BYTES];
    double offset; /* from this rank's clock to that of rank 0 */
    int64_t steps_left;
    size_t count, room;
    event *events; /* (room); count of them are used */
};

/* Creates the temporary file and removes it, so that a wrong path ends the program at
 * its start.  Rank 0 only. */
static sn_status try_path(const char *path, sn_error *err)
{
    char temporary[SN_PATH_BYTES];
    FILE *file;
    const sn_status status = sn_file_begin(path, temporary, &file, err);
    if (file != NULL) {
        (void)fclose(file);
        (void)remove(temporary);
    }
    return status;
}

sn_status sn_trace_create(const sn_context *context, const char *path, int64_t steps,
                          sn_trace **trace, sn_error *err)
{
    sn_comm *comm = context->comm;
    const size_t room = (size_t)steps * PHASES_OF_STEP + OTHERS;
    *trace = NULL;
    sn_status status =
        sn_comm_agree(comm, context->rank == 0 ? try_path(path, err) : SN_OK, err);
    sn_trace *made = status != SN_OK ? NULL
                                     : sn_comm_allocate(comm, 1, sizeof *made, "trace",
                                                        &status, err);
    if (status != SN_OK) {
        return status;
    }
    *made = (sn_trace){.comm = comm, .steps_left = steps, .room = room};
    snprintf(made->path, sizeof made->path, "%s", path);
    made->events =
        sn_comm_allocate(comm, room, sizeof *made->events, "trace", &status, err);
    if (status == SN_OK) {
        status = sn_comm_clock_offset(comm, &made->offset, err);
    }
    if (status != SN_OK) {
        sn_trace_destroy(&made);
    }
    *trace = made;
    return status;
}

void sn_trace_destroy(sn_trace **trace)
{
    if (*trace != NULL) {
        free((*trace)->events);
        free(*trace);
        *trace = NULL;
    }
}

/* Adds an event; begin is a time of sn_comm_clock. */
static void add(sn_trace *trace, sn_phase phase, int64_t step, double begin,
                double seconds)
{
    if (trace->count < trace->room) {
        trace->events[trace->count++] = (event){.begin = begin + trace->offset,
                                                .seconds = seconds,
                                                .step = step,
                                                .phase = phase};
    }
}

void sn_trace_add_step(sn_trace *trace, int64_t step, const sn_step_result *result)
{
    if (trace == NULL || trace->steps_left == 0) {
        return;
    }
    trace->steps_left--;
    const sn_profile *p = &result->profile;
    const double ended = sn_comm_clock(trace->comm), begun = ended - result->seconds;
    const double computed = begun + p->gather;
    add(trace, SN_PHASE_GATHER, step, begun, p->gather);
    add(trace, SN_PHASE_FORWARD, step, computed, p->forward);
    add(trace, SN_PHASE_BACKWARD, step, computed + p->forward, p->backward);
    add(trace, SN_PHASE_REDUCE, step, ended - p->update - p->reduce, p->reduce);
    add(trace, SN_PHASE_UPDATE, step, ended - p->update, p->update);
}

void sn_trace_add(sn_trace *trace, sn_phase phase, int64_t step, double begun)
{
    if (trace != NULL && trace->steps_left > 0) {
        const double seconds = sn_clock_seconds() - begun;
        add(trace, phase, step, sn_comm_clock(trace->comm) - seconds, seconds);
    }
}

bool sn_trace_is_full(const sn_trace *trace)
{
    return trace != NULL && trace->steps_left == 0;
}

/* ---- the file; rank 0 only */

/* The traces of all ranks. */
typedef struct all {
    int size;
    size_t count;       /* events per rank */
    const event *event; /* (size, count) */
    const char *host;   /* (size, SN_HOST_BYTES) */
    double first;       /* begin of the earliest event */
    FILE *out;
} all;

static const event *event_of(const all *a, int rank, size_t index)
{
    return &a->event[(size_t)rank * a->count + index];
}

static void print_event(const all *a, int rank, const char *name, int64_t step,
                        double begin, double seconds)
{
    fprintf(a->out,
            ",\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":%d,\"tid\":0,\"ts\":%.3f,"
            "\"dur\":%.3f,\"args\":{\"step\":%" PRId64 "}}",
            name, rank, 1e6 * (begin - a->first), 1e6 * seconds, step);
}

/* Returns the rank that begins this event last. */
static int last_rank(const all *a, size_t index)
{
    int last = 0;
    for (int r = 1; r < a->size; r++) {
        last =
            event_of(a, r, index)->begin > event_of(a, last, index)->begin ? r : last;
    }
    return last;
}

static void print_reduction(const all *a, int rank, size_t index)
{
    char name[40];
    const event *own = event_of(a, rank, index);
    const int last = last_rank(a, index);
    double wait = event_of(a, last, index)->begin - own->begin;
    wait = wait < own->seconds ? wait : own->seconds;
    if (wait > 0) {
        snprintf(name, sizeof name, "wait for rank %d", last);
        print_event(a, rank, name, own->step, own->begin, wait);
    }
    print_event(a, rank, names[own->phase], own->step, own->begin + wait,
                own->seconds - wait);
}

static void print_rank(const all *a, int rank)
{
    char name[SN_HOST_BYTES + 32];
    snprintf(name, sizeof name, "rank %d on %s", rank,
             a->host + (size_t)rank * SN_HOST_BYTES);
    fprintf(
        a->out,
        "%s\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"args\":{\"name\":",
        rank == 0 ? "" : ",", rank);
    sn_json_print_string(a->out, name);
    fputs("}}", a->out);
    for (size_t i = 0; i < a->count; i++) {
        const event *e = event_of(a, rank, i);
        if (e->phase == SN_PHASE_REDUCE) {
            print_reduction(a, rank, i);
        } else {
            print_event(a, rank, names[e->phase], e->step, e->begin, e->seconds);
        }
    }
}

static sn_status write_file(const char *path, all *a, sn_error *err)
{
    char temporary[SN_PATH_BYTES];
    sn_status status = sn_file_begin(path, temporary, &a->out, err);
    if (status != SN_OK) {
        return status;
    }
    a->first = a->event[0].begin;
    for (int r = 1; r < a->size; r++) {
        const double begin = event_of(a, r, 0)->begin;
        a->first = begin < a->first ? begin : a->first;
    }
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", a->out);
    for (int r = 0; r < a->size; r++) {
        print_rank(a, r);
    }
    fputs("\n]}\n", a->out);
    const bool failed = ferror(a->out) != 0;
    if (fclose(a->out) != 0 || failed) {
        status = sn_fail(err, SN_EIO, "cannot write (%s): the disk may be full", path);
    }
    return sn_file_publish_or_remove(status, temporary, path, err);
}

/* Gathers the events of all ranks and writes the file.  Collective. */
static sn_status gather_and_write(const sn_trace *trace, sn_error *err)
{
    sn_comm *comm = trace->comm;
    const int size = sn_comm_size(comm);
    const bool writes = sn_comm_rank(comm) == 0;
    const size_t ranks = writes ? (size_t)size : 0;
    sn_status status;
    if (trace->count == 0) {
        return SN_OK; /* no step was run */
    }
    event *events = sn_comm_allocate(comm, ranks * trace->count, sizeof *events,
                                     "trace", &status, err);
    char *hosts = status != SN_OK ? NULL
                                  : sn_comm_allocate(comm, ranks, SN_HOST_BYTES,
                                                     "trace", &status, err);
    if (status == SN_OK) {
        status = sn_comm_gather(comm, trace->events, trace->count * sizeof *events,
                                events, err);
    }
    if (status == SN_OK) {
        char host[SN_HOST_BYTES] = "";
        snprintf(host, sizeof host, "%s", sn_comm_host(comm));
        status = sn_comm_gather(comm, host, sizeof host, hosts, err);
    }
    if (status == SN_OK && writes) {
        all a = {.size = size, .count = trace->count, .event = events, .host = hosts};
        status = write_file(trace->path, &a, err);
    }
    free(events);
    free(hosts);
    return sn_comm_agree(comm, status, err);
}

sn_status sn_trace_finish(sn_trace **trace, sn_console *console, sn_error *err)
{
    sn_error why;
    if (*trace != NULL) {
        sn_watchdog_mark((*trace)->comm, &sn_watchdog_output, -1);
    }
    const sn_status status = *trace == NULL ? SN_OK : gather_and_write(*trace, &why);
    if (status == SN_EMPI) {
        return sn_fail(err, status, "%s", why.message);
    }
    if (status != SN_OK) {
        sn_console_warn(console, "no trace: %s", why.message);
    }
    sn_trace_destroy(trace);
    return SN_OK;
}
