/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dist/watchdog/report.h"

/* The diagnosis names at most this many ranks and counts the others. */
enum { MOST_NAMED = 6 };

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

/* Returns the seconds since the newest heartbeat of a rank. */
static double silence(const sn_rank_view *v, int rank)
{
    return v->now - v->reports[rank].last_heartbeat;
}

/* Returns the same for the heartbeats that arrived at one address of this rank. */
static double path_silence(const sn_rank_view *v, int rank, int path)
{
    return v->now - v->reports[rank].last_by_path[path];
}

/* Returns true if the rank has never sent a heartbeat. */
static bool is_unknown(const sn_rank_view *v, int rank)
{
    return isinf(silence(v, rank)) != 0;
}

static bool is_silent(const sn_rank_view *v, int rank)
{
    return !sn_role_is_alive(v, rank) && !is_unknown(v, rank);
}

/* Appends the ranks that test accepts, as "0-3, 5". */
static void append_ranks(line *out, const sn_rank_view *v,
                         bool (*test)(const sn_rank_view *, int))
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

static int count(const sn_rank_view *v, bool (*test)(const sn_rank_view *, int))
{
    int found = 0;
    for (int r = 0; r < v->size; r++) {
        found += test(v, r);
    }
    return found;
}

/* Appends the age of the newest heartbeat of each rank. */
static void append_last_heartbeats(line *out, const sn_rank_view *v)
{
    append(out, "; last heartbeat:");
    const char *between = "";
    if (count(v, sn_role_is_alive) > 0) {
        append(out, " ranks ");
        append_ranks(out, v, sn_role_is_alive);
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
        append(out, "%s rank %d on %s %.0f s ago", between, r, v->hosts[r],
               silence(v, r));
        between = ",";
    }
    if (count(v, is_unknown) > 0) {
        append(out, "%s none from ranks ", between);
        append_ranks(out, v, is_unknown);
    }
}

/* Returns true if the rank is alive, but its heartbeats no longer use this path. */
static bool has_lost(const sn_rank_view *v, int rank, int path)
{
    const double seconds = path_silence(v, rank, path);
    return sn_role_is_alive(v, rank) && isfinite(seconds) &&
           seconds > v->silent_seconds;
}

static bool is_remote(const sn_rank_view *v, int rank)
{
    return strcmp(v->hosts[rank], v->hosts[v->rank]) != 0;
}

/* Returns the rank behind a broken link, -1 if no link is broken.  If the path has lost
 * all ranks of several other hosts, the broken link is that of this rank. */
static int find_lost(const sn_rank_view *v, int *path)
{
    for (*path = 0; *path < SN_HEARTBEAT_PATHS; ++*path) {
        int first = -1, lost = 0, known = 0;
        bool several = false;
        for (int r = 0; r < v->size; r++) {
            if (!is_remote(v, r) || isinf(path_silence(v, r, *path))) {
                continue;
            }
            known++;
            if (has_lost(v, r, *path)) {
                lost++;
                first = first < 0 ? r : first;
                several = several || strcmp(v->hosts[r], v->hosts[first]) != 0;
            }
        }
        if (lost > 0) {
            return lost == known && several ? v->rank : first;
        }
    }
    return -1;
}

/* Returns the rank that the others wait for, -1 if there is none: of the ranks that do
 * not wait the one with the fewest steps; if all wait, one that is a step behind. */
static int find_late(const sn_rank_view *v)
{
    int late = -1, working = -1;
    int64_t furthest = INT64_MIN;
    for (int r = 0; r < v->size; r++) {
        const sn_rank_report *report = &v->reports[r];
        if (is_unknown(v, r)) {
            continue;
        }
        furthest = report->step > furthest ? report->step : furthest;
        if (late < 0 || report->step < v->reports[late].step) {
            late = r;
        }
        if (!report->activity.waits &&
            (working < 0 || report->step < v->reports[working].step)) {
            working = r;
        }
    }
    if (working >= 0) {
        return working;
    }
    return late >= 0 && v->reports[late].step < furthest ? late : -1;
}

static void append_where(line *out, const sn_rank_view *v, int rank)
{
    const sn_rank_report *report = &v->reports[rank];
    append(out,
           "no progress for %.0f s (rank %d on %s, phase %s, last step %" PRId64 "): ",
           v->now - sn_role_progress(v, false), rank, v->hosts[rank],
           report->activity.text, report->step);
}

static void append_link(line *out, const sn_rank_view *v, int culprit, int path)
{
    char address[INET_ADDRSTRLEN] = "";
    const struct in_addr number = {v->paths[path].address};
    inet_ntop(AF_INET, &number, address, sizeof address);
    const char *host = v->hosts[v->rank];
    if (culprit == v->rank) {
        append(out,
               "no heartbeat from any other host through its %s (%s), a link is down",
               v->paths[path].name, address);
    } else {
        append(out,
               "no heartbeat from rank %d through %s of %s (%s) for %.0f s, a link is "
               "down",
               culprit, v->paths[path].name, host, address,
               path_silence(v, culprit, path));
    }
}

void sn_diagnosis_write(const sn_rank_view *v, char message[SN_MESSAGE_BYTES])
{
    line out = {message, 0};
    int culprit = 0, path;
    while (culprit < v->size && !is_silent(v, culprit)) {
        culprit++;
    }
    if (culprit < v->size) {
        append_where(&out, v, culprit);
        append(&out,
               "no heartbeat from rank %d for %.0f s, it has stopped or its host or "
               "network is down",
               culprit, silence(v, culprit));
    } else if ((culprit = find_lost(v, &path)) >= 0) {
        append_where(&out, v, culprit);
        append_link(&out, v, culprit, path);
    } else if ((culprit = find_late(v)) >= 0) {
        append_where(&out, v, culprit);
        append(&out, "alive but making no progress%s",
               v->size > 1 ? ", the other ranks wait for it" : "");
    } else {
        append_where(&out, v, v->rank);
        append(&out, "all ranks wait for each other, check the network that MPI uses");
    }
    append_last_heartbeats(&out, v);
    append(&out, "; continue with --resume");
}
