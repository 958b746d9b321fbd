/* SPDX-License-Identifier: BSD-3-Clause */
/* The deadline of each role: the time at which a rank decides that the job hangs. */
#include <math.h>

#include "dist/watchdog/report.h"

sn_role sn_role_of(int rank, const int observers[SN_OBSERVERS])
{
    return rank == observers[0]   ? SN_ROLE_PRIMARY
           : rank == observers[1] ? SN_ROLE_SECONDARY
                                  : SN_ROLE_FOLLOWER;
}

double sn_role_progress(const sn_rank_view *view, bool grace)
{
    double newest = -INFINITY;
    for (int r = 0; r < view->size; r++) {
        const sn_rank_report *report = &view->reports[r];
        if (r == view->rank ||
            (view->role != SN_ROLE_FOLLOWER && !isinf(report->last_heartbeat))) {
            newest = fmax(newest, report->progress + (grace ? report->grace : 0));
        }
    }
    return newest;
}

bool sn_role_is_alive(const sn_rank_view *view, int rank)
{
    return view->now - view->reports[rank].last_heartbeat <= view->silent_seconds;
}

static double primary(const sn_rank_view *view)
{
    return sn_role_progress(view, true) + view->timeout;
}

static double secondary(const sn_rank_view *view)
{
    return sn_role_is_alive(view, view->observers[0]) ? (double)INFINITY
                                                      : primary(view);
}

static double follower(const sn_rank_view *view)
{
    if (sn_role_is_alive(view, view->observers[0]) ||
        sn_role_is_alive(view, view->observers[1])) {
        return INFINITY;
    }
    /* Followers raise the alarm one after another, since the first to end takes down
     * the job: this prints one line instead of many. */
    const int later = view->rank < 50 ? view->rank : 50;
    return sn_role_progress(view, true) + view->timeout + 0.5 + 0.05 * later;
}

double sn_role_deadline(const sn_rank_view *view)
{
    static double (*const deadlines[SN_ROLES])(const sn_rank_view *) = {
        [SN_ROLE_PRIMARY] = primary,
        [SN_ROLE_SECONDARY] = secondary,
        [SN_ROLE_FOLLOWER] = follower};
    return deadlines[view->role](view);
}
