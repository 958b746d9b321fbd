/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans the renames and copies of checkpoints for a run that continues from one of
 * them.  Pure. */
#include "run/lineage.h"

#include <string.h>

/* Returns true if the checkpoint holds the weights of the best epoch of the position. */
static bool has_weights_of_best(const sn_lineage_record *record,
                                const sn_position *wanted)
{
    const sn_position *p = &record->position;
    return record->health != SN_LINEAGE_DAMAGED && record->same_data &&
           p->epoch == wanted->best_epoch && p->step_in_epoch == 0 &&
           p->best_epoch == wanted->best_epoch && p->best_error == wanted->best_error &&
           p->seed == wanted->seed;
}

/* Returns true if the checkpoint holds this position.  train_seconds differs between two
 * runs, so equal positions imply the same run. */
static bool is_at(const sn_lineage_record *record, const sn_position *position)
{
    return record->health != SN_LINEAGE_DAMAGED &&
           memcmp(&record->position, position, sizeof *position) == 0;
}

static size_t plan_steps(const sn_lineage_record *records, size_t count,
                         size_t restored, const sn_position *position,
                         sn_lineage_action *actions)
{
    size_t n = 0, present = count;
    for (size_t i = count; i-- > 0;) {
        if (records[i].kind == SN_LINEAGE_STEP && records[i].step > position->step) {
            actions[n++] = (sn_lineage_action){SN_LINEAGE_ABANDON, i};
        } else if (records[i].kind == SN_LINEAGE_STEP &&
                   records[i].step == position->step) {
            present = i;
        }
    }
    if (present == restored) {
        return n;
    }
    if (present < count && is_at(&records[present], position)) {
        actions[n++] = (sn_lineage_action){SN_LINEAGE_KEEP, present};
        return n;
    }
    if (present < count) {
        actions[n++] = (sn_lineage_action){SN_LINEAGE_ABANDON, present};
    }
    actions[n++] = (sn_lineage_action){SN_LINEAGE_SAVE_STEP, restored};
    return n;
}

/* A best.h5 of another epoch is renamed, not removed: if the configuration has changed,
 * the run may not reach weights as good as those again. */
static size_t plan_best(const sn_lineage_record *records, size_t count,
                        const sn_position *position, bool keep_best, bool finished,
                        sn_lineage_action *actions)
{
    size_t n = 0, best = count, source = count;
    for (size_t i = count; i-- > 0;) {
        if (records[i].kind == SN_LINEAGE_BEST) {
            best = i;
        } else if (has_weights_of_best(&records[i], position)) {
            source = i;
        }
    }
    if (best < count && keep_best && has_weights_of_best(&records[best], position)) {
        actions[n++] = (sn_lineage_action){SN_LINEAGE_KEEP, best};
        return n;
    }
    if (best < count && (keep_best || records[best].step > position->step)) {
        actions[n++] = (sn_lineage_action){SN_LINEAGE_ABANDON, best};
    }
    if (!keep_best || position->best_epoch == 0) {
        return n;
    }
    if (source < count) {
        actions[n++] = (sn_lineage_action){SN_LINEAGE_SAVE_BEST, source};
    } else if (!finished) {
        actions[n++] = (sn_lineage_action){SN_LINEAGE_FORGET_BEST, 0};
    }
    return n;
}

size_t sn_lineage_plan(const sn_lineage_record *records, size_t count,
                       const sn_position *position, bool keep_best, bool finished,
                       sn_lineage_action *actions)
{
    size_t restored = 0;
    while (restored < count && !records[restored].restored) {
        restored++;
    }
    if (restored == count) {
        return 0;
    }
    const size_t n = plan_steps(records, count, restored, position, actions);
    return n + plan_best(records, count, position, keep_best, finished, actions + n);
}
