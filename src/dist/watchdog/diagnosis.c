#include "dist/watchdog/diagnosis.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Ranks and hosts that are named one by one before the rest is only counted. */
enum { MOST_NAMED = 6 };

#define PHASE_TEXT(name, text, waits)  text,
#define PHASE_WAITS(name, text, waits) waits,
static const char *const phase_texts[] = {SN_PHASE_TABLE(PHASE_TEXT)};
static const int phase_waits[] = {SN_PHASE_TABLE(PHASE_WAITS)};

const char *sn_phase_text(sn_phase phase)
{
    return (unsigned)phase < SN_PHASE_COUNT ? phase_texts[phase] : "unknown";
}

typedef struct line {
    char *text;
    size_t length;
} line;

SN_PRINTF(2, 3)
static void append(line *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int more = vsnprintf(out->text + out->length, SN_MESSAGE_BYTES - out->length,
                               format, arguments);
    va_end(arguments);
    const size_t room = SN_MESSAGE_BYTES - 1 - out->length;
    out->length += more < 0 ? 0 : (size_t)more < room ? (size_t)more : room;
}

static bool is_alive(const sn_diagnosis *v, int rank)
{
    return v->ranks[rank].silent_seconds <= v->silent_seconds;
}

static bool is_unknown(const sn_diagnosis *v, int rank)
{
    return isinf(v->ranks[rank].silent_seconds) != 0;
}

static bool is_silent(const sn_diagnosis *v, int rank)
{
    return !is_alive(v, rank) && !is_unknown(v, rank);
}

/* "0-3, 5" for the ranks that test accepts. */
static void append_ranks(line *out, const sn_diagnosis *v,
                         bool (*test)(const sn_diagnosis *, int))
{
    int ranges = 0;
    for (int r = 0; r < v->size; r++) {
        if (!test(v, r)) {
            continue;
        }
        int last = r;
        while (last + 1 < v->size && test(v, last + 1)) {
            last++;
        }
        if (++ranges > 2 * MOST_NAMED) {
            append(out, ", ...");
            return;
        }
        append(out, ranges > 1 ? ", %d" : "%d", r);
        if (last > r) {
            append(out, "-%d", last);
        }
        r = last;
    }
}

static int count(const sn_diagnosis *v, bool (*test)(const sn_diagnosis *, int))
{
    int found = 0;
    for (int r = 0; r < v->size; r++) {
        found += test(v, r);
    }
    return found;
}

/* The ranks last heard of, and when. */
static void append_heard(line *out, const sn_diagnosis *v)
{
    append(out, "; last heard of:");
    const char *between = "";
    if (count(v, is_alive) > 0) {
        append(out, " ranks ");
        append_ranks(out, v, is_alive);
        append(out, " now");
        between = ",";
    }
    int named = 0;
    for (int r = 0; r < v->size; r++) {
        if (!is_silent(v, r)) {
            continue;
        }
        if (named++ == MOST_NAMED) {
            append(out, " and %d more", count(v, is_silent) - MOST_NAMED);
            break;
        }
        append(out, "%s rank %d on %s %.0f s ago", between, r, v->ranks[r].host,
               v->ranks[r].silent_seconds);
        between = ",";
    }
    if (count(v, is_unknown) > 0) {
        append(out, "%s never ranks ", between);
        append_ranks(out, v, is_unknown);
    }
}

/* A rank of another host that is heard of, but no longer by this path. */
static bool has_lost(const sn_diagnosis *v, int rank, int path)
{
    const double seconds = v->ranks[rank].path_seconds[path];
    return is_alive(v, rank) && isfinite(seconds) && seconds > v->silent_seconds;
}

static bool is_remote(const sn_diagnosis *v, int rank)
{
    return strcmp(v->ranks[rank].host, v->ranks[v->rank].host) != 0;
}

/* The rank behind a link that broke, or -1; the judge's own link when all ranks of
 * more than one other host are cut off. */
static int find_lost(const sn_diagnosis *v, int *path)
{
    for (*path = 0; *path < SN_HEARTBEAT_PATHS; ++*path) {
        int first = -1, lost = 0, known = 0;
        bool several = false;
        for (int r = 0; r < v->size; r++) {
            if (!is_remote(v, r) || isinf(v->ranks[r].path_seconds[*path])) {
                continue;
            }
            known++;
            if (has_lost(v, r, *path)) {
                lost++;
                first = first < 0 ? r : first;
                several =
                    several || strcmp(v->ranks[r].host, v->ranks[first].host) != 0;
            }
        }
        if (lost > 0) {
            return lost == known && several ? v->rank : first;
        }
    }
    return -1;
}

/* The rank that the others wait for: at work, furthest behind; else one behind. */
static int find_late(const sn_diagnosis *v)
{
    int late = -1, working = -1;
    int64_t furthest = INT64_MIN;
    for (int r = 0; r < v->size; r++) {
        const sn_rank_report *w = &v->ranks[r];
        if (is_unknown(v, r)) {
            continue;
        }
        furthest = w->step > furthest ? w->step : furthest;
        if (late < 0 || w->step < v->ranks[late].step) {
            late = r;
        }
        if (!phase_waits[w->phase] &&
            (working < 0 || w->step < v->ranks[working].step)) {
            working = r;
        }
    }
    if (working >= 0) {
        return working;
    }
    return late >= 0 && v->ranks[late].step < furthest ? late : -1;
}

static void append_where(line *out, const sn_diagnosis *v, int rank)
{
    const sn_rank_report *w = &v->ranks[rank];
    append(out,
           "no progress for %.0f s (rank %d on %s, phase %s, last step %" PRId64 "): ",
           v->idle_seconds, rank, w->host, sn_phase_text(w->phase), w->step);
}

static void append_link(line *out, const sn_diagnosis *v, int culprit, int path)
{
    char address[INET_ADDRSTRLEN] = "";
    const struct in_addr number = {v->paths[path].address};
    inet_ntop(AF_INET, &number, address, sizeof address);
    const char *host = v->ranks[v->rank].host;
    if (culprit == v->rank) {
        append(out, "no other host is heard of through its %s (%s), a link is down",
               v->paths[path].name, address);
    } else {
        append(out, "not heard of through %s of %s (%s) for %.0f s, a link is down",
               v->paths[path].name, host, address,
               v->ranks[culprit].path_seconds[path]);
    }
}

void sn_diagnosis_write(const sn_diagnosis *v, char message[SN_MESSAGE_BYTES])
{
    line out = {message, 0};
    int culprit = 0, path;
    while (culprit < v->size && !is_silent(v, culprit)) {
        culprit++;
    }
    if (culprit < v->size) {
        append_where(&out, v, culprit);
        append(&out, "silent for %.0f s: stopped, or its host or network is down",
               v->ranks[culprit].silent_seconds);
    } else if ((culprit = find_lost(v, &path)) >= 0) {
        append_where(&out, v, culprit);
        append_link(&out, v, culprit, path);
    } else if ((culprit = find_late(v)) >= 0) {
        append_where(&out, v, culprit);
        append(&out, "alive, but does not get on%s",
               v->size > 1 ? ", and the others wait for it" : "");
    } else {
        append_where(&out, v, v->rank);
        append(&out, "the ranks wait for each other: does the network that MPI uses "
                     "work?");
    }
    append_heard(&out, v);
    append(&out, "; continue with --resume");
}
