/* 1. The training thread stores phase and step and counts its marks.
 * 2. Every interval the watchdog thread sees whether the count has moved, and sends
 *    phase, step and the seconds since then to the observers, which answer.
 * 3. An observer keeps the last word of every rank.  No progress of any for the
 *    time-out: it sends END to all, which leave a second later, and raises the alarm.
 *    The second observer speaks only when it does not hear the first.
 * 4. A rank that hears no observer goes by its own progress.
 *
 * Time in which the whole process was stopped (scontrol suspend, a debugger) does not
 * count.  Cost: size messages an interval at two ranks; the interval grows with size.
 */
#include "dist/watchdog/watchdog.h"

#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/unique.h"
#include "dist/comm/internal.h"
#include "dist/watchdog/diagnosis.h"

enum { OBSERVERS = 2 };

/* The last word of a rank, as an observer has it; times on the watchdog's clock. */
typedef struct rank_word {
    double heard, progress, grace; /* heard: -INFINITY for never */
    double path[SN_HEARTBEAT_PATHS];
    sn_phase phase;
    int64_t step;
    struct sockaddr_in from;
} rank_word;

struct sn_watchdog {
    _Atomic uint64_t marks; /* written by the training thread, with what follows */
    _Atomic int phase;
    _Atomic int64_t step;
    _Atomic float grace;

    pthread_t thread;
    int rank, size;
    double timeout, interval, silence;
    sn_watchdog_alarm *alarm;
    void *user;
    uint64_t key;
    int socket;  /* -1 for none */
    int wake[2]; /* a pipe */
    sn_heartbeat_place observers[OBSERVERS];
    int observer_count;
    bool observes;
    char (*hosts)[SN_HOST_BYTES]; /* (size) */
    rank_word *words;             /* (size) */

    double clock, slept;   /* last look at the clock, and what of it does not count */
    double ending;         /* when to leave after END, INFINITY for not */
    uint64_t marks_before; /* at the last beat */
};

void sn_watchdog_mark_bytes(sn_comm *comm, sn_phase phase, int64_t step, size_t bytes)
{
    static const float bytes_per_second = 4e6F;
    struct sn_watchdog *w = comm->watchdog;
    if (w == NULL) {
        return;
    }
    atomic_store_explicit(&w->phase, phase, memory_order_relaxed);
    if (step >= 0) {
        atomic_store_explicit(&w->step, step, memory_order_relaxed);
    }
    atomic_store_explicit(&w->grace, (float)bytes / bytes_per_second,
                          memory_order_relaxed);
    const uint64_t marks = atomic_load_explicit(&w->marks, memory_order_relaxed);
    atomic_store_explicit(&w->marks, marks + 1, memory_order_release);
}

void sn_watchdog_mark(sn_comm *comm, sn_phase phase, int64_t step)
{
    sn_watchdog_mark_bytes(comm, phase, step, 0);
}

/* Seconds during which this process was not stopped. */
static double awake_seconds(struct sn_watchdog *w)
{
    const double now = sn_clock_seconds(), gap = now - w->clock;
    const double longest = 2 * w->interval + 2;
    w->slept += gap > longest ? gap - w->interval : 0;
    w->clock = now;
    return now - w->slept;
}

static void look_at_own(struct sn_watchdog *w, double now)
{
    rank_word *own = &w->words[w->rank];
    const uint64_t marks = atomic_load_explicit(&w->marks, memory_order_acquire);
    if (marks != w->marks_before) {
        w->marks_before = marks;
        own->progress = now;
    }
    own->heard = now;
    own->phase = (sn_phase)atomic_load_explicit(&w->phase, memory_order_relaxed);
    own->step = atomic_load_explicit(&w->step, memory_order_relaxed);
    own->grace = (double)atomic_load_explicit(&w->grace, memory_order_relaxed);
}

static sn_heartbeat own_pulse(const struct sn_watchdog *w, sn_heartbeat_kind kind,
                              double now)
{
    const rank_word *own = &w->words[w->rank];
    return (sn_heartbeat){.key = w->key,
                          .kind = (int32_t)kind,
                          .rank = w->rank,
                          .phase = (int32_t)own->phase,
                          .step = own->step,
                          .idle_seconds = (float)(now - own->progress),
                          .grace_seconds = (float)own->grace};
}

static void beat(struct sn_watchdog *w, double now)
{
    sn_heartbeat pulse = own_pulse(w, SN_HEARTBEAT_BEAT, now);
    for (int o = 0; o < w->observer_count && w->socket >= 0; o++) {
        const sn_heartbeat_place *place = &w->observers[o];
        for (int path = 0; path < place->count && place->rank != w->rank; path++) {
            const struct sockaddr_in to = sn_heartbeat_to(place, path);
            pulse.path = path;
            sn_heartbeat_send(w->socket, &pulse, &to);
        }
    }
}

static void take(struct sn_watchdog *w, const sn_heartbeat *pulse,
                 const struct sockaddr_in *from, double now)
{
    if (pulse->rank < 0 || pulse->rank >= w->size || pulse->path < 0 ||
        pulse->path >= SN_HEARTBEAT_PATHS || (unsigned)pulse->phase >= SN_PHASE_COUNT) {
        return;
    }
    rank_word *word = &w->words[pulse->rank];
    word->heard = now;
    word->progress = now - (double)pulse->idle_seconds;
    word->grace = (double)pulse->grace_seconds;
    word->phase = (sn_phase)pulse->phase;
    word->step = pulse->step;
    if (pulse->kind == SN_HEARTBEAT_BEAT && w->observes) {
        word->path[pulse->path] = now;
        word->from = *from;
        const sn_heartbeat reply = own_pulse(w, SN_HEARTBEAT_REPLY, now);
        sn_heartbeat_send(w->socket, &reply, from);
    } else if (pulse->kind == SN_HEARTBEAT_END && isinf(w->ending)) {
        w->ending = now + 1; /* whoever sent it prints first */
    }
}

static bool is_heard(const struct sn_watchdog *w, int rank, double now)
{
    return now - w->words[rank].heard <= w->silence;
}

/* When this rank may call the job hung, by what it knows. */
static double deadline(const struct sn_watchdog *w, double now)
{
    double last = -INFINITY;
    for (int r = 0; r < w->size; r++) {
        const rank_word *word = &w->words[r];
        if (r == w->rank || (w->observes && !isinf(word->heard))) {
            last = fmax(last, word->progress + word->grace);
        }
    }
    last += w->timeout;
    if (w->rank == w->observers[0].rank) {
        return last;
    }
    for (int o = 0; o < w->observer_count; o++) {
        const int observer = w->observers[o].rank;
        if (observer == w->rank) {
            return last; /* the first is not heard */
        }
        if (is_heard(w, observer, now)) {
            return INFINITY;
        }
    }
    /* many ranks may find out at once; the first that leaves ends the others */
    return last + 0.5 + 0.05 * (w->rank < 50 ? w->rank : 50);
}

static void judge(const struct sn_watchdog *w, double now,
                  char message[SN_MESSAGE_BYTES])
{
    snprintf(message, SN_MESSAGE_BYTES,
             "no progress for %.0f s (rank %d): continue with --resume", w->timeout,
             w->rank);
    sn_rank_report *ranks = calloc((size_t)w->size, sizeof *ranks);
    if (ranks == NULL) {
        return;
    }
    double last = w->words[w->rank].progress;
    for (int r = 0; r < w->size; r++) {
        const rank_word *word = &w->words[r];
        memcpy(ranks[r].host, w->hosts[r], SN_HOST_BYTES);
        ranks[r].phase = word->phase;
        ranks[r].step = word->step;
        ranks[r].silent_seconds = now - word->heard;
        for (int path = 0; path < SN_HEARTBEAT_PATHS; path++) {
            ranks[r].path_seconds[path] = now - word->path[path];
        }
        if (w->observes && !isinf(word->heard)) {
            last = fmax(last, word->progress);
        }
    }
    const sn_diagnosis verdict = {
        .ranks = ranks,
        .size = w->size,
        .rank = w->rank,
        .paths = w->observers[w->rank == w->observers[0].rank ? 0 : OBSERVERS - 1].path,
        .idle_seconds = now - last,
        .silent_seconds = w->silence};
    sn_diagnosis_write(&verdict, message);
    free(ranks);
}

static void speak(const struct sn_watchdog *w, double now)
{
    char message[SN_MESSAGE_BYTES];
    judge(w, now, message);
    const sn_heartbeat pulse = own_pulse(w, SN_HEARTBEAT_END, now);
    for (int r = 0; r < w->size && w->observes; r++) {
        if (r != w->rank && !isinf(w->words[r].heard)) {
            sn_heartbeat_send(w->socket, &pulse, &w->words[r].from);
        }
    }
    w->alarm(message, w->user);
}

static void *watch(void *user)
{
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
        sn_heartbeat pulse;
        struct sockaddr_in from;
        while (w->socket >= 0 &&
               sn_heartbeat_receive(w->socket, w->key, &pulse, &from)) {
            take(w, &pulse, &from, now);
        }
        if (now >= w->ending) {
            w->alarm(NULL, w->user);
            return NULL;
        }
        if (now < next) {
            continue;
        }
        next = now + w->interval;
        look_at_own(w, now);
        if (isinf(w->ending) && now > deadline(w, now)) {
            speak(w, now);
            return NULL;
        }
        beat(w, now);
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
    free(w->hosts);
    free(w->words);
    free(w);
}

static struct sn_watchdog *allocate(const sn_comm *comm)
{
    struct sn_watchdog *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    w->rank = comm->rank;
    w->size = comm->size;
    w->socket = w->wake[0] = w->wake[1] = -1;
    w->hosts = calloc((size_t)comm->size, sizeof *w->hosts);
    w->words = calloc((size_t)comm->size, sizeof *w->words);
    if (w->hosts == NULL || w->words == NULL || pipe(w->wake) != 0) {
        release(w);
        return NULL;
    }
    return w;
}

/* Hosts, observers and the job's key on all ranks. */
static sn_status introduce(sn_comm *comm, struct sn_watchdog *w, sn_error *err)
{
    sn_status status =
        sn_mpi_check(MPI_Allgather(comm->host, SN_HOST_BYTES, MPI_BYTE, w->hosts,
                                   SN_HOST_BYTES, MPI_BYTE, comm->world),
                     "MPI_Allgather", err);
    int second = 1;
    while (second < w->size && strcmp(w->hosts[second], w->hosts[0]) == 0) {
        second++;
    }
    const int who[OBSERVERS] = {0, second < w->size ? second : 1};
    w->observer_count = w->size < OBSERVERS ? w->size : OBSERVERS;
    sn_heartbeat_place mine = {.rank = w->rank};
    if (sn_fault_check("watchdog.socket", w->rank, -1, NULL) == SN_OK) {
        w->socket = sn_heartbeat_open(&mine);
    }
    w->key = sn_unique_key();
    for (int o = 0; o < w->observer_count && status == SN_OK; o++) {
        w->observes = w->observes || w->rank == who[o];
        w->observers[o] = mine;
        status = sn_comm_broadcast(comm, &w->observers[o], sizeof mine, who[o], err);
    }
    return status == SN_OK ? sn_comm_broadcast(comm, &w->key, sizeof w->key, 0, err)
                           : status;
}

static sn_status start_thread(struct sn_watchdog *w, sn_error *err)
{
    w->clock = sn_clock_seconds();
    w->ending = INFINITY;
    for (int r = 0; r < w->size; r++) {
        w->words[r].progress = w->clock;
        w->words[r].heard = -INFINITY;
        for (int path = 0; path < SN_HEARTBEAT_PATHS; path++) {
            w->words[r].path[path] = -INFINITY;
        }
    }
    sigset_t all, former; /* signals are the training thread's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    const int failed = sn_fault_check("watchdog.thread", w->rank, -1, NULL) != SN_OK ||
                       pthread_create(&w->thread, NULL, watch, w) != 0;
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    return failed ? sn_fail(err, SN_EINTERNAL,
                            "watchdog: no thread can be made; raise the limit on "
                            "processes (ulimit -u)")
                  : SN_OK;
}

sn_status sn_watchdog_start(sn_comm *comm, double timeout_seconds,
                            sn_watchdog_alarm *alarm, void *user, sn_error *err)
{
    struct sn_watchdog *w = allocate(comm);
    sn_status status =
        w == NULL ? sn_fail(err, SN_ENOMEM, "watchdog: out of memory") : SN_OK;
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        w->timeout = timeout_seconds;
        w->interval = fmin(fmax(1, 1e-3 * comm->size), 0.1 * timeout_seconds);
        w->silence = fmax(3 * w->interval, fmin(3, 0.5 * timeout_seconds));
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
    pthread_join(w->thread, NULL);
    release(w);
}
