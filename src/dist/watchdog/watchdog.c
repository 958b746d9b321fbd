/* SPDX-License-Identifier: BSD-3-Clause */
/* 1. The training thread stores its activity and step and counts its marks.
 * 2. In every interval the watchdog thread compares the count with the previous one and
 *    sends activity, step and the seconds since the newest mark to the observers, which
 *    answer.
 * 3. An observer keeps the newest report of every rank.  After its deadline (report.h)
 *    it sends END to all ranks, which end one second later, and raises the alarm.
 * 4. A rank that receives no answer from an observer relies on its own progress.
 *
 * The time during which the whole process was stopped (scontrol suspend, a debugger)
 * does not count.  Cost: each observer receives and sends size datagrams per path and
 * interval; the interval grows with size. */
#include "dist/watchdog/watchdog.h"

#include <math.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/numeric/rng.h"
#include "base/system/clock.h"
#include "base/system/locale.h"
#include "base/system/thread.h"
#include "dist/comm/internal.h"
#include "dist/watchdog/report.h"
#include "dist/watchdog/timeout.h"

const sn_activity sn_watchdog_agreement = {"agreement", true, false};
const sn_activity sn_watchdog_output = {"output", false, false};
static const sn_activity start = {"start", true, false};

struct sn_watchdog {
    _Atomic uint64_t marks; /* the training thread writes the first five fields */
    _Atomic(const sn_activity *) activity;
    _Atomic int64_t step;
    _Atomic int64_t first_step; /* -1 before the first update of this start */
    _Atomic float grace;

    pthread_t thread;
    sn_rank_view view;
    sn_timeout timeout;
    sn_heartbeat_place observers[SN_OBSERVERS];
    sn_watchdog_alarm *alarm;
    void *user;
    uint64_t key;
    int socket;  /* -1 if there is none */
    int wake[2]; /* a pipe that ends the thread */

    double interval;       /* seconds between heartbeats */
    double clock, stopped; /* newest reading of the clock; seconds not to count */
    double ending;         /* time of the end after END, INFINITY without END */
    uint64_t marks_before; /* marks at the newest heartbeat */
};

void sn_watchdog_mark_bytes(sn_comm *comm, const sn_activity *activity, int64_t step,
                            size_t bytes)
{
    static const float bytes_per_second = 4e6F;
    struct sn_watchdog *w = comm->watchdog;
    if (w == NULL) {
        return;
    }
    atomic_store_explicit(&w->activity, activity, memory_order_relaxed);
    if (step >= 0) {
        atomic_store_explicit(&w->step, step, memory_order_relaxed);
        if (atomic_load_explicit(&w->first_step, memory_order_relaxed) < 0) {
            atomic_store_explicit(&w->first_step, step, memory_order_relaxed);
        }
    }
    atomic_store_explicit(&w->grace, (float)bytes / bytes_per_second,
                          memory_order_relaxed);
    const uint64_t marks = atomic_load_explicit(&w->marks, memory_order_relaxed);
    atomic_store_explicit(&w->marks, marks + 1, memory_order_release);
}

void sn_watchdog_mark(sn_comm *comm, const sn_activity *activity, int64_t step)
{
    sn_watchdog_mark_bytes(comm, activity, step, 0);
}

static bool observes(const struct sn_watchdog *w)
{
    return w->view.role != SN_ROLE_FOLLOWER;
}

/* Returns the clock without the time during which this process was stopped. */
static double awake_seconds(struct sn_watchdog *w)
{
    const double now = sn_clock_seconds(), gap = now - w->clock;
    const double longest = 2 * w->interval + 2;
    w->stopped += gap > longest ? gap - w->interval : 0;
    w->clock = now;
    return now - w->stopped;
}

static void update_own_report(struct sn_watchdog *w, double now)
{
    sn_rank_report *own = &w->view.reports[w->view.rank];
    const uint64_t marks = atomic_load_explicit(&w->marks, memory_order_acquire);
    const sn_activity activity =
        *atomic_load_explicit(&w->activity, memory_order_relaxed);
    own->step = atomic_load_explicit(&w->step, memory_order_relaxed);
    if (marks != w->marks_before) {
        /* Several phases may have ended since the last check.  The measured time differs
         * from the longest of them by about one interval at most. */
        sn_timeout_measure(&w->timeout, own->activity.steady, now - own->progress);
        w->marks_before = marks;
        own->progress = now;
        const int64_t first =
            atomic_load_explicit(&w->first_step, memory_order_relaxed);
        /* The training thread writes the grace before the mark.  A grace without its
         * mark would change the deadline of the former activity. */
        own->grace =
            (double)atomic_load_explicit(&w->grace, memory_order_relaxed) +
            sn_timeout_seconds(&w->timeout, activity.steady, own->step - first) -
            w->timeout.least;
    }
    own->last_heartbeat = now;
    own->activity = activity;
}

static sn_heartbeat own_heartbeat(const struct sn_watchdog *w, sn_heartbeat_kind kind,
                                  double now)
{
    const sn_rank_report *own = &w->view.reports[w->view.rank];
    sn_heartbeat heartbeat = {.key = w->key,
                              .kind = (int32_t)kind,
                              .rank = w->view.rank,
                              .waits = own->activity.waits,
                              .step = own->step,
                              .idle_seconds = (float)(now - own->progress),
                              .grace_seconds = (float)own->grace};
    memcpy(heartbeat.activity, own->activity.text, sizeof heartbeat.activity);
    return heartbeat;
}

static void send_to_observers(struct sn_watchdog *w, double now)
{
    sn_heartbeat heartbeat = own_heartbeat(w, SN_HEARTBEAT_BEAT, now);
    for (int o = 0; o < SN_OBSERVERS && w->socket >= 0; o++) {
        const sn_heartbeat_place *place = &w->observers[o];
        for (int path = 0; path < place->count && place->rank != w->view.rank; path++) {
            const struct sockaddr_in to = sn_heartbeat_to(place, path);
            heartbeat.path = path;
            sn_heartbeat_send(w->socket, &heartbeat, &to);
        }
    }
}

static void accept_heartbeat(struct sn_watchdog *w, const sn_heartbeat *heartbeat,
                             const struct sockaddr_in *from, double now)
{
    if (heartbeat->rank < 0 || heartbeat->rank >= w->view.size || heartbeat->path < 0 ||
        heartbeat->path >= SN_HEARTBEAT_PATHS) {
        return;
    }
    sn_rank_report *report = &w->view.reports[heartbeat->rank];
    report->last_heartbeat = now;
    report->progress = now - (double)heartbeat->idle_seconds;
    report->grace = (double)heartbeat->grace_seconds;
    report->step = heartbeat->step;
    report->activity.waits = heartbeat->waits != 0;
    memcpy(report->activity.text, heartbeat->activity, SN_ACTIVITY_BYTES - 1);
    if (heartbeat->kind == SN_HEARTBEAT_BEAT && observes(w)) {
        report->last_by_path[heartbeat->path] = now;
        report->from = *from;
        const sn_heartbeat reply = own_heartbeat(w, SN_HEARTBEAT_REPLY, now);
        sn_heartbeat_send(w->socket, &reply, from);
    } else if (heartbeat->kind == SN_HEARTBEAT_END && isinf(w->ending)) {
        w->ending = now + 1; /* the sender prints first */
    }
}

static void raise_alarm(const struct sn_watchdog *w, double now)
{
    char message[SN_MESSAGE_BYTES];
    sn_diagnosis_write(&w->view, message);
    const sn_heartbeat end = own_heartbeat(w, SN_HEARTBEAT_END, now);
    for (int r = 0; r < w->view.size && observes(w); r++) {
        if (r != w->view.rank && !isinf(w->view.reports[r].last_heartbeat)) {
            sn_heartbeat_send(w->socket, &end, &w->view.reports[r].from);
        }
    }
    w->alarm(message, w->user);
}

static void *watch(void *user)
{
    SN_LOCALE_C();
    struct sn_watchdog *w = user;
    double next = 0;
    for (;;) {
        struct pollfd files[2] = {{.fd = w->wake[0], .events = POLLIN},
                                  {.fd = w->socket, .events = POLLIN}};
        const double wait = fmin(fmax(next - awake_seconds(w), 0), w->interval);
        poll(files, 2, (int)(1e3 * wait) + 1);
        if (files[0].revents != 0) {
            return NULL;
        }
        const double now = awake_seconds(w);
        sn_heartbeat heartbeat;
        struct sockaddr_in from;
        while (w->socket >= 0 &&
               sn_heartbeat_receive(w->socket, w->key, &heartbeat, &from)) {
            accept_heartbeat(w, &heartbeat, &from, now);
        }
        if (now >= w->ending) {
            w->alarm(NULL, w->user);
            return NULL;
        }
        if (now < next) {
            continue;
        }
        next = now + w->interval;
        w->view.now = now;
        update_own_report(w, now);
        if (isinf(w->ending) && now > sn_role_deadline(&w->view)) {
            raise_alarm(w, now);
            return NULL;
        }
        send_to_observers(w, now);
    }
}

static void release(struct sn_watchdog *w)
{
    for (int end = 0; end < 2; end++) {
        if (w->wake[end] >= 0) {
            close(w->wake[end]);
        }
    }
    if (w->socket >= 0) {
        close(w->socket);
    }
    free(w->view.hosts);
    free(w->view.reports);
    free(w);
}

static struct sn_watchdog *allocate(const sn_comm *comm)
{
    struct sn_watchdog *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    sn_rank_view *view = &w->view;
    const size_t size = (size_t)comm->size;
    view->rank = comm->rank;
    view->size = comm->size;
    view->hosts = calloc(size, sizeof *view->hosts);
    view->reports = calloc(size, sizeof *view->reports);
    w->socket = w->wake[0] = w->wake[1] = -1;
    atomic_init(&w->activity, &start);
    atomic_init(&w->first_step, -1);
    if (view->hosts == NULL || view->reports == NULL || pipe(w->wake) != 0) {
        release(w);
        return NULL;
    }
    return w;
}

/* Shares hosts, observers and the job's key with all ranks. */
static sn_status introduce(sn_comm *comm, struct sn_watchdog *w, sn_error *err)
{
    sn_rank_view *view = &w->view;
    sn_status status =
        sn_mpi_check(MPI_Allgather(comm->host, SN_HOST_BYTES, MPI_BYTE, view->hosts,
                                   SN_HOST_BYTES, MPI_BYTE, comm->world),
                     "MPI_Allgather", err);
    int second = 1;
    while (second < view->size && strcmp(view->hosts[second], view->hosts[0]) == 0) {
        second++;
    }
    view->observers[1] = second < view->size ? second : view->size > 1 ? 1 : 0;
    view->role = sn_role_of(view->rank, view->observers);
    sn_heartbeat_place mine = {.rank = view->rank};
    if (sn_fault_check("watchdog.socket", view->rank, -1, NULL) == SN_OK) {
        w->socket = sn_heartbeat_open(&mine);
    }
    w->key = sn_unique_key();
    for (int o = 0; o < SN_OBSERVERS && status == SN_OK; o++) {
        w->observers[o] = mine;
        status = sn_comm_broadcast(comm, &w->observers[o], sizeof mine,
                                   view->observers[o], err);
    }
    view->paths = w->observers[view->role == SN_ROLE_PRIMARY ? 0 : 1].path;
    return status == SN_OK ? sn_comm_broadcast(comm, &w->key, sizeof w->key, 0, err)
                           : status;
}

static sn_status start_thread(struct sn_watchdog *w, sn_error *err)
{
    w->clock = sn_clock_seconds();
    w->ending = INFINITY;
    for (int r = 0; r < w->view.size; r++) {
        sn_rank_report *report = &w->view.reports[r];
        report->activity = start;
        report->progress = w->clock;
        report->grace = w->timeout.unmeasured - w->timeout.least;
        report->last_heartbeat = -INFINITY;
        for (int path = 0; path < SN_HEARTBEAT_PATHS; path++) {
            report->last_by_path[path] = -INFINITY;
        }
    }
    const int failed =
        sn_fault_check("watchdog.thread", w->view.rank, -1, NULL) != SN_OK ||
        sn_thread_start(&w->thread, watch, w) != 0;
    return failed ? sn_fail(err, SN_EINTERNAL,
                            "watchdog: cannot create a thread; raise the limit on "
                            "processes (ulimit -u)")
                  : SN_OK;
}

/* Returns the rule; a test may make all times of auto shorter by a factor of ten. */
static sn_timeout timeout_of(const sn_comm *comm, double seconds)
{
    sn_timeout timeout = sn_timeout_of(seconds);
    if (seconds < 0 &&
        sn_fault_check("watchdog.hurry", comm->rank, -1, NULL) != SN_OK) {
        timeout.least *= 0.1;
        timeout.unmeasured *= 0.1;
    }
    return timeout;
}

sn_status sn_watchdog_start(sn_comm *comm, double timeout_seconds,
                            sn_watchdog_alarm *alarm, void *user, sn_error *err)
{
    struct sn_watchdog *w = allocate(comm);
    sn_status status =
        w == NULL ? sn_fail(err, SN_ENOMEM, "watchdog: out of memory") : SN_OK;
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        w->timeout = timeout_of(comm, timeout_seconds);
        const double least = w->view.timeout = w->timeout.least;
        w->interval = fmin(fmax(1, 1e-3 * comm->size), 0.1 * least);
        w->view.silent_seconds = fmax(3 * w->interval, fmin(3, 0.5 * least));
        w->alarm = alarm;
        w->user = user;
        status = introduce(comm, w, err);
    }
    if (status != SN_OK) {
        if (w != NULL) {
            release(w);
        }
        return status;
    }
    status = start_thread(w, err);
    if (status == SN_OK) {
        comm->watchdog = w;
    } else {
        release(w);
    }
    status = sn_comm_agree(comm, status, err);
    if (status != SN_OK) {
        sn_watchdog_stop(comm);
    }
    return status;
}

void sn_watchdog_stop(sn_comm *comm)
{
    struct sn_watchdog *w = comm->watchdog;
    if (w == NULL) {
        return;
    }
    comm->watchdog = NULL;
    const ssize_t written = write(w->wake[1], "", 1);
    (void)written;
    (void)pthread_join(w->thread, NULL);
    release(w);
}
