/* SPDX-License-Identifier: BSD-3-Clause */
/* The time at which the watchdog of each rank raises the alarm, on a simulated clock,
 * and the values that training passes to the watchdog.  Run it with three ranks: rank 0
 * is the primary observer, rank 1 the secondary one, rank 2 a follower.
 *
 * Time passes only in the watchdog's poll.  Heartbeats come from this test instead of
 * the network. */
#include "support.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "dist/watchdog/heartbeat.h"
#include "nn/net.h"
#include "shardnet/train.h"

enum { RANKS = 3, MARKS = 4 };

#define NEVER    ((double)INFINITY)
#define LONG_AGO (-(double)INFINITY)
#define LIMIT    400.0 /* a scenario that has no alarm until then has none */

/* Times are seconds since the start. */
typedef struct scenario {
    const char *name;
    double timeout; /* negative: auto */
    struct {
        double at;
        size_t bytes;
        bool steady;
    } marks[MARKS];            /* marks of the training thread; none if at is 0 */
    double alive_until[RANKS]; /* heartbeats arrive once a second */
    double progress[RANKS];    /* newest mark that they report; no grace for rank 0 */
    float grace;
    double end;          /* END arrives at ranks 1 and 2 */
    double stopped;      /* the process is stopped for 200 seconds */
    double alarm[RANKS]; /* expected */
    bool prints[RANKS];
} scenario;

#define ALIVE   .alive_until = {NEVER, NEVER, NEVER}
#define NOTHING .end = NEVER, .stopped = NEVER

static const scenario scenarios[] = {
    {"no rank makes progress", 60, ALIVE, NOTHING, .alarm = {60, NEVER, NEVER},
     .prints = {true, false, false}},
    {"a short time-out", 3, ALIVE, NOTHING, .alarm = {3, NEVER, NEVER},
     .prints = {true, false, false}},
    {"marks of this rank", 60, .marks = {{10, 0, false}, {30, 0, false}}, ALIVE,
     NOTHING, .alarm = {90, NEVER, NEVER}, .prints = {true, false, false}},
    {"grace for work on files: 1 second for 4 MB", 60,
     .marks = {{10, 0, false}, {30, 40000000, false}}, ALIVE, NOTHING,
     .alarm = {100, NEVER, NEVER}, .prints = {true, false, false}},
    {"grace ends with the next mark", 60,
     .marks = {{10, 400000000, false}, {30, 0, false}}, ALIVE, NOTHING,
     .alarm = {90, NEVER, NEVER}, .prints = {true, false, false}},
    {"progress of another rank", 60, ALIVE, .progress = {0, 0, 40}, NOTHING,
     .alarm = {100, NEVER, NEVER}, .prints = {true, false, false}},
    {"progress and grace of another rank", 60, ALIVE, .progress = {0, 0, 40},
     .grace = 25, NOTHING, .alarm = {125, NEVER, NEVER},
     .prints = {true, false, false}},
    {"the primary is silent: the secondary replaces it", 60,
     .alive_until = {20, NEVER, NEVER}, NOTHING, .alarm = {60, 60, NEVER},
     .prints = {true, true, false}},
    {"the primary becomes silent after the time-out", 60,
     .alive_until = {100, NEVER, NEVER}, NOTHING, .alarm = {60, 102, NEVER},
     .prints = {true, true, false}},
    {"no datagram arrives", 60, .alive_until = {LONG_AGO, LONG_AGO, LONG_AGO}, NOTHING,
     .alarm = {60, 60, 60.6}, .prints = {true, true, true}},
    {"an observer ends the job", 60, ALIVE, .end = 20, .stopped = NEVER,
     .alarm = {60, 21, 21}, .prints = {true, false, false}},
    {"time during which the process is stopped does not count", 60, ALIVE, .end = NEVER,
     .stopped = 30, .alarm = {260, NEVER, NEVER}, .prints = {true, false, false}},
    {"auto: no phase has ended", -1, ALIVE, NOTHING, .alarm = {300, NEVER, NEVER},
     .prints = {true, false, false}},
    {"auto: the second update", -1, .marks = {{1, 0, true}, {2, 0, true}}, ALIVE,
     NOTHING, .alarm = {302, NEVER, NEVER}, .prints = {true, false, false}},
    {"auto: short steps", -1, .marks = {{1, 0, true}, {2, 0, true}, {3, 0, true}},
     ALIVE, NOTHING, .alarm = {33, NEVER, NEVER}, .prints = {true, false, false}},
    {"auto: a phase of 8 s, then one of 70 s", -1,
     .marks = {{1, 0, true}, {9, 0, true}, {17, 0, true}, {87, 0, false}}, ALIVE,
     NOTHING, .alarm = {387, NEVER, NEVER}, .prints = {true, false, false}},
    {"auto: a phase of 8 s, then a hang; no datagram arrives", -1,
     .marks = {{1, 0, true}, {9, 0, true}, {17, 0, true}},
     .alive_until = {LONG_AGO, LONG_AGO, LONG_AGO}, NOTHING, .alarm = {97, 97, 97.6},
     .prints = {true, true, true}},
    {"auto: short steps, then work on files", -1,
     .marks = {{1, 0, true}, {2, 0, true}, {3, 0, true}, {4, 40000000, false}}, ALIVE,
     NOTHING, .alarm = {314, NEVER, NEVER}, .prints = {true, false, false}},
    {"auto: short steps; another rank reports that it works on files", -1,
     .marks = {{1, 0, true}, {2, 0, true}, {3, 0, true}}, ALIVE, .progress = {0, 0, 3},
     .grace = 270, NOTHING, .alarm = {303, NEVER, NEVER},
     .prints = {true, false, false}},
};

enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

/* The alarm of this rank; NEVER and false without one. */
typedef struct outcome {
    double alarm;
    bool printed;
} outcome;

static sn_comm *comm;
static const scenario *running; /* NULL: the system's clock and no interference */
static double now;              /* used by the thread of the watchdog, while it runs */
static double delivered[RANKS];
static bool ended, was_stopped;
static int marked;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static atomic_bool started; /* time passes */
static bool over;           /* under mutex, with the outcome */
static outcome found;

static void finish(double alarm, bool printed)
{
    pthread_mutex_lock(&mutex);
    if (!over) {
        over = true;
        found = (outcome){alarm, printed};
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void note_alarm(const char *message, void *user)
{
    (void)user;
    finish(now, message != NULL);
}

double __real_sn_clock_seconds(void);
double __wrap_sn_clock_seconds(void);
int __real_poll(struct pollfd *files, nfds_t count, int milliseconds);
int __wrap_poll(struct pollfd *files, nfds_t count, int milliseconds);
bool __real_sn_heartbeat_receive(int socket, uint64_t key, sn_heartbeat *heartbeat,
                                 struct sockaddr_in *from);
bool __wrap_sn_heartbeat_receive(int socket, uint64_t key, sn_heartbeat *heartbeat,
                                 struct sockaddr_in *from);

double __wrap_sn_clock_seconds(void)
{
    return running != NULL ? now : __real_sn_clock_seconds();
}

static void mark_when_due(void)
{
    static const sn_activity files = {"files", false, false},
                             gradient = {"gradient", false, true};
    while (marked < MARKS && running->marks[marked].at > 0 &&
           now >= running->marks[marked].at) {
        sn_watchdog_mark_bytes(comm, running->marks[marked].steady ? &gradient : &files,
                               marked, running->marks[marked].bytes);
        marked++;
    }
}

int __wrap_poll(struct pollfd *files, nfds_t count, int milliseconds)
{
    if (running == NULL) {
        return __real_poll(files, count, milliseconds);
    }
    const int ready = __real_poll(files, 1, 0); /* the pipe that ends the thread */
    files[1].revents = 0;
    if (ready != 0) {
        return ready;
    }
    if (!atomic_load(&started) || now > LIMIT) {
        if (now > LIMIT) {
            finish(NEVER, false);
        }
        return __real_poll(files, 1, 1);
    }
    now += 1e-3 * milliseconds;
    if (!was_stopped && now >= running->stopped) {
        was_stopped = true;
        now += 200;
    }
    mark_when_due();
    return 0;
}

bool __wrap_sn_heartbeat_receive(int socket, uint64_t key, sn_heartbeat *heartbeat,
                                 struct sockaddr_in *from)
{
    if (running == NULL) {
        return __real_sn_heartbeat_receive(socket, key, heartbeat, from);
    }
    const int rank = sn_comm_rank(comm);
    const bool end = rank > 0 && !ended && now >= running->end;
    memset(from, 0, sizeof *from);
    ended = ended || end;
    for (int r = 0; r < RANKS; r++) {
        const bool due = now - delivered[r] >= 1 && now <= running->alive_until[r];
        if (r == rank || !(due || (end && r == 0))) {
            continue;
        }
        delivered[r] = now;
        *heartbeat = (sn_heartbeat){.key = key,
                                    .kind = end ? SN_HEARTBEAT_END : SN_HEARTBEAT_REPLY,
                                    .rank = r,
                                    .idle_seconds =
                                        (float)(now - fmin(now, running->progress[r])),
                                    .grace_seconds = r > 0 ? running->grace : 0,
                                    .activity = "gradient"};
        return true;
    }
    return false;
}

static outcome play(const scenario *s)
{
    sn_error err;
    running = s;
    now = 0;
    marked = 0;
    over = ended = was_stopped = false;
    for (int r = 0; r < RANKS; r++) {
        delivered[r] = LONG_AGO;
    }
    assert_int_equal(sn_watchdog_start(comm, s->timeout, note_alarm, NULL, &err),
                     SN_OK);
    atomic_store(&started, true);
    pthread_mutex_lock(&mutex);
    while (!over) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    sn_watchdog_stop(comm);
    atomic_store(&started, false);
    running = NULL;
    return found;
}

static void each_rank_raises_the_alarm_at_its_deadline(void **state)
{
    (void)state;
    const int rank = sn_comm_rank(comm);
    outcome outcomes[SCENARIOS];
    for (size_t i = 0; i < SCENARIOS; i++) { /* collective: all, then the checks */
        outcomes[i] = play(&scenarios[i]);
    }
    for (size_t i = 0; i < SCENARIOS; i++) {
        const scenario *s = &scenarios[i];
        const double expected = s->alarm[rank], alarm = outcomes[i].alarm;
        const double late = 2 * (s->timeout < 0 ? 1 : fmin(1, 0.1 * s->timeout)) + 0.1;
        const bool good = isinf(expected)
                              ? isinf(alarm)
                              : alarm >= expected && alarm < expected + late;
        if (!good || outcomes[i].printed != s->prints[rank]) {
            fail_msg("%s, rank %d: alarm at %g instead of %g, %s", s->name, rank, alarm,
                     expected, outcomes[i].printed ? "printed" : "not printed");
        }
    }
}

/* ---- the values that training passes */

sn_status __real_sn_watchdog_start(sn_comm *c, double timeout_seconds,
                                   sn_watchdog_alarm *alarm, void *user, sn_error *err);
sn_status __wrap_sn_watchdog_start(sn_comm *c, double timeout_seconds,
                                   sn_watchdog_alarm *alarm, void *user, sn_error *err);
void __real_sn_watchdog_mark_bytes(sn_comm *c, const sn_activity *activity,
                                   int64_t step, size_t bytes);
void __wrap_sn_watchdog_mark_bytes(sn_comm *c, const sn_activity *activity,
                                   int64_t step, size_t bytes);

static double timeout_of_training;
static size_t bytes_of_files[64], bytes_of_loading;
static int marks_of_files;

sn_status __wrap_sn_watchdog_start(sn_comm *c, double timeout_seconds,
                                   sn_watchdog_alarm *alarm, void *user, sn_error *err)
{
    timeout_of_training = timeout_seconds;
    return __real_sn_watchdog_start(c, timeout_seconds, alarm, user, err);
}

void __wrap_sn_watchdog_mark_bytes(sn_comm *c, const sn_activity *activity,
                                   int64_t step, size_t bytes)
{
    if (strcmp(activity->text, "files") == 0 && marks_of_files < 64) {
        bytes_of_files[marks_of_files++] = bytes;
    } else if (strcmp(activity->text, "loading") == 0) {
        bytes_of_loading = bytes;
    }
    __real_sn_watchdog_mark_bytes(c, activity, step, bytes);
}

static void train(const char *run)
{
    static const char *const settings[] = {
        "data.source=synthetic", "data.train_limit=300", "model.hidden=20",
        "train.epochs=2",        "train.batch=100",      "comm.timeout_seconds=77"};
    sn_config config;
    sn_error err;
    sn_config_init(&config);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        assert_int_equal(sn_config_set(&config, settings[i], &err), SN_OK);
    }
    const sn_train_options options = {.run = run, .on_hang = note_alarm};
    sn_train_result result;
    marks_of_files = 0;
    assert_int_equal(sn_train(comm, &config, &options, &result, &err), SN_OK);
}

static void training_passes_its_time_out_and_the_sizes_of_its_files(void **state)
{
    (void)state;
    const int rank = sn_comm_rank(comm);
    char run[64], command[80];
    static const size_t hidden = 20;
    sn_network network;
    sn_error err;
    snprintf(run, sizeof run, "/tmp/shardnet-watchdog-%ld", (long)getppid());
    snprintf(command, sizeof command, "rm -r %s", run);
    train(run);
    assert_true(timeout_of_training == 77);
    if (rank > 0) {
        assert_int_equal(marks_of_files, 0);
        return;
    }
    assert_int_equal(system(command), 0);
    assert_true(bytes_of_loading >= (size_t)300 * (784 + 1));
    assert_int_equal(sn_network_init(&network, 784, &hidden, 1, 10, SN_TANH, &err),
                     SN_OK);
    const size_t copy = 2 * network.arena * sizeof(float);
    sn_network_clear(&network);
    /* open, restore, commit, two checkpoints, result */
    static const size_t copies[] = {1, 1, 6, 4, 4, 2};
    assert_int_equal(marks_of_files, sizeof copies / sizeof copies[0]);
    for (int i = 0; i < marks_of_files; i++) {
        assert_int_equal(bytes_of_files[i], copies[i] * copy);
    }
}

int main(int argc, char **argv)
{
    sn_error err;
    if (sn_comm_start(&argc, &argv, &comm, &err) != SN_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    if (sn_comm_size(comm) != RANKS) {
        fprintf(stderr, "run it with %d ranks\n", RANKS);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rank_raises_the_alarm_at_its_deadline),
        cmocka_unit_test(training_passes_its_time_out_and_the_sizes_of_its_files)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sn_comm_finish(&comm);
    return failed;
}
