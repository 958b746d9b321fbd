/* SPDX-License-Identifier: BSD-3-Clause */
/* Scans the checkpoints of a run, restores one of them and executes the plan. */
#include "run/lineage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/paths.h"

/* Fills the record from everything in the file except the tensors. */
static sn_status examine(sn_lineage_record *record, const sn_lineage *lineage,
                         sn_error *err)
{
    sn_checkpoint *checkpoint = NULL;
    sn_checkpoint_info info;
    const sn_status status = sn_checkpoint_open(record->path, &checkpoint, &info, err);
    if (status == SN_OK) {
        record->position = info.position;
        record->same_data =
            lineage->state != NULL &&
            strcmp(info.train_digest, lineage->state->data->train_digest) == 0;
    } else if (sn_checkpoint_is_damaged(status, &info)) {
        record->health = SN_LINEAGE_DAMAGED;
    }
    if (record->kind != SN_LINEAGE_STEP) {
        record->step = status == SN_OK ? record->position.step : -1;
    }
    sn_checkpoint_close(&checkpoint);
    return status == SN_ENOMEM ? status : SN_OK;
}

/* Appends a record; its memory is already allocated. */
static sn_status append(sn_lineage *lineage, sn_lineage_kind kind, int64_t step,
                        const char *path, sn_error *err)
{
    sn_lineage_record *record = &lineage->records[lineage->count++];
    *record = (sn_lineage_record){.kind = kind, .step = step};
    snprintf(record->path, sizeof record->path, "%s", path);
    return examine(record, lineage, err);
}

/* Returns a negative number if a is to be restored before b. */
static int newest_first(const void *a, const void *b)
{
    const sn_lineage_record *left = a, *right = b;
    return left->step != right->step ? (left->step < right->step ? 1 : -1)
                                     : (int)left->kind - (int)right->kind;
}

sn_status sn_lineage_scan(sn_lineage *lineage, sn_error *err)
{
    enum { EXTRA_RECORDS = 3 }; /* best.h5, --resume=PATH, best.h5 in its folder */
    const char *run = lineage->run;
    char path[SN_PATH_BYTES];
    int64_t *steps = NULL;
    size_t count = 0;
    sn_status status = sn_checkpoint_list(run, &steps, &count, err);
    lineage->count = 0;
    lineage->records = calloc(count + EXTRA_RECORDS, sizeof *lineage->records);
    if (status == SN_OK && lineage->records == NULL) {
        status = sn_fail(err, SN_ENOMEM, "out of memory to list (%s)", run);
    }
    for (size_t i = 0; status == SN_OK && i < count; i++) {
        status = sn_checkpoint_path(path, run, steps[i], err);
        if (status == SN_OK) {
            status = append(lineage, SN_LINEAGE_STEP, steps[i], path, err);
        }
    }
    free(steps);
    if (status == SN_OK) {
        status = sn_checkpoint_best_path(path, run, err);
    }
    if (status == SN_OK && sn_file_exists(path)) {
        status = append(lineage, SN_LINEAGE_BEST, 0, path, err);
        qsort(lineage->records, lineage->count, sizeof *lineage->records, newest_first);
    }
    return status;
}

void sn_lineage_clear(sn_lineage *lineage)
{
    free(lineage->records);
    lineage->records = NULL;
    lineage->count = 0;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* Restores the checkpoint of a record; only verifies it if there is no state. */
static sn_status restore(const sn_lineage *lineage, sn_lineage_record *record,
                         char changes[SN_CHANGES_BYTES], sn_error *err)
{
    bool damaged;
    sn_status status;
    if (lineage->state != NULL) {
        status = sn_restore(record->path, lineage->state, &record->position, changes,
                            &damaged, err);
    } else {
        sn_checkpoint_info info;
        status = sn_checkpoint_verify(record->path, &info, err);
        damaged = sn_checkpoint_is_damaged(status, &info);
        record->position = status == SN_OK ? info.position : record->position;
    }
    record->restored = status == SN_OK;
    record->health = damaged            ? SN_LINEAGE_DAMAGED
                     : record->restored ? SN_LINEAGE_GOOD
                                        : SN_LINEAGE_UNREAD;
    return status;
}

static sn_status restore_newest(sn_lineage *lineage, char changes[SN_CHANGES_BYTES],
                                const sn_lineage_record **restored, sn_error *err)
{
    for (size_t i = 0; i < lineage->count; i++) {
        *restored = &lineage->records[i];
        const sn_status status = restore(lineage, &lineage->records[i], changes, err);
        if (status == SN_OK || (*restored)->health != SN_LINEAGE_DAMAGED) {
            return status;
        }
        lineage->warn(lineage->user, "%s; skipped", err->message);
    }
    return sn_fail(
        err, SN_EDATA,
        "resume (%s): every checkpoint is damaged; move or delete the folder to "
        "start again",
        lineage->run);
}

/* Restores the file at path: a checkpoint of the run or of another folder.  In the
 * latter case best.h5 of that folder also gets a record. */
static sn_status restore_path(sn_lineage *lineage, const char *path,
                              char changes[SN_CHANGES_BYTES],
                              const sn_lineage_record **restored, sn_error *err)
{
    char folder[SN_PATH_BYTES], checkpoints[SN_PATH_BYTES], best[SN_PATH_BYTES];
    sn_path_parent(folder, path);
    lineage->own =
        sn_path_join(checkpoints, lineage->run, SN_CHECKPOINTS_FOLDER, NULL) == SN_OK &&
        is_same_file(folder, checkpoints);
    if (lineage->count > 0 && !lineage->own) {
        return sn_fail(err, SN_ECREATE,
                       "run (%s): already contains checkpoints, but not %s; choose "
                       "another --out",
                       lineage->run, path);
    }
    size_t i = 0;
    while (i < lineage->count && !is_same_file(path, lineage->records[i].path)) {
        i++;
    }
    sn_status status = SN_OK;
    if (i == lineage->count) {
        status = append(lineage, SN_LINEAGE_OTHER, 0, path, err);
    }
    if (status == SN_OK && !lineage->own &&
        sn_path_join(best, folder, SN_BEST_FILE, NULL) == SN_OK &&
        sn_file_exists(best)) {
        status = append(lineage, SN_LINEAGE_OTHER, 0, best, err);
    }
    *restored = &lineage->records[i];
    return status == SN_OK ? restore(lineage, &lineage->records[i], changes, err)
                           : status;
}

sn_status sn_lineage_restore(sn_lineage *lineage, bool resume, const char *path,
                             char changes[SN_CHANGES_BYTES],
                             const sn_lineage_record **restored, sn_error *err)
{
    *restored = NULL;
    if (path != NULL) {
        return restore_path(lineage, path, changes, restored, err);
    }
    if (lineage->count > 0 && !resume) {
        return sn_fail(err, SN_ECREATE,
                       "run (%s): already contains checkpoints; continue with --resume "
                       "or choose another --out",
                       lineage->run);
    }
    lineage->own = lineage->count > 0;
    return lineage->own ? restore_newest(lineage, changes, restored, err) : SN_OK;
}

/* Verifies the files that the plan depends on.  Sets *found to true if one is damaged:
 * the plan must then be computed again. */
static sn_status find_damage(sn_lineage *lineage, const sn_lineage_action *actions,
                             size_t count, bool *found, sn_error *err)
{
    *found = false;
    for (size_t i = 0; i < count; i++) {
        sn_lineage_record *record = &lineage->records[actions[i].record];
        if ((actions[i].verb != SN_LINEAGE_KEEP &&
             actions[i].verb != SN_LINEAGE_SAVE_BEST) ||
            record->health != SN_LINEAGE_UNREAD) {
            continue;
        }
        sn_checkpoint_info info;
        const sn_status status = sn_checkpoint_verify(record->path, &info, err);
        if (status == SN_ENOMEM) {
            return status;
        }
        record->health = status == SN_OK ? SN_LINEAGE_GOOD : SN_LINEAGE_DAMAGED;
        *found = *found || status != SN_OK;
    }
    return SN_OK;
}

/* The new names of renamed files, as many as fit. */
typedef struct names {
    char text[512];
    size_t left_out;
} names;

static void add_name(names *moved, const char *path)
{
    const size_t used = strlen(moved->text), room = sizeof moved->text - used;
    const int length = snprintf(moved->text + used, room, "%s%s", used > 0 ? ", " : "",
                                strrchr(path, '/') + 1);
    if (length < 0 || (size_t)length >= room) {
        moved->text[used] = '\0';
        moved->left_out++;
    }
}

static void warn_about_moved(const sn_lineage *lineage, int64_t step,
                             const names *moved)
{
    char more[48] = "";
    if (moved->left_out > 0) {
        snprintf(more, sizeof more, " and %zu more", moved->left_out);
    }
    if (moved->text[0] != '\0') {
        lineage->warn(lineage->user,
                      "run (%s): resumes at step %" PRId64
                      "; later checkpoints moved to %s%s",
                      lineage->run, step, moved->text, more);
    }
}

/* Renames the file of a record to *.abandoned and updates its path. */
static sn_status abandon(sn_lineage_record *record, names *moved, sn_error *err)
{
    char new_path[SN_PATH_BYTES];
    const sn_status status =
        sn_file_move_away(record->path, SN_ABANDONED, new_path, err);
    if (status == SN_OK) {
        strcpy(record->path, new_path);
        add_name(moved, new_path);
    }
    return status;
}

/* Copies a checkpoint, with the rows that it carries, to a path in the folder of the
 * run. */
static sn_status copy(const char *run, const char *from, const char *to, sn_error *err)
{
    sn_checkpoint_state held = {0};
    sn_rows pending = {{{NULL, 0, 0}}};
    sn_status status = sn_checkpoint_create_folder(run, err);
    if (status == SN_OK) {
        status = sn_checkpoint_load(from, &held, err);
    }
    if (status == SN_OK) {
        status = sn_checkpoint_pending(from, &pending, err);
    }
    if (status == SN_OK) {
        status = sn_checkpoint_write(to, &held.info, held.layers, &pending, err);
    }
    sn_rows_clear(&pending);
    sn_checkpoint_state_clear(&held);
    return status;
}

static void forget_best(const sn_lineage *lineage, const char *best)
{
    sn_position *position = lineage->state->position;
    lineage->warn(lineage->user,
                  "best (%s): no file holds the weights of the best epoch, "
                  "%" PRId64 "; searching for the best epoch from epoch %" PRId64,
                  best, position->best_epoch, position->epoch + 1);
    position->best_epoch = 0;
    position->best_error = 1;
}

static sn_status execute(sn_lineage *lineage, const sn_lineage_action *action,
                         names *moved, sn_error *err)
{
    const int64_t step = lineage->state->position->step;
    sn_lineage_record *record = &lineage->records[action->record];
    char path[SN_PATH_BYTES];
    sn_status status = action->verb == SN_LINEAGE_SAVE_STEP
                           ? sn_checkpoint_path(path, lineage->run, step, err)
                           : sn_checkpoint_best_path(path, lineage->run, err);
    if (status != SN_OK) {
        return status;
    }
    switch (action->verb) {
    case SN_LINEAGE_ABANDON:
        return abandon(record, moved, err);
    case SN_LINEAGE_SAVE_STEP:
    case SN_LINEAGE_SAVE_BEST:
        return copy(lineage->run, record->path, path, err);
    case SN_LINEAGE_FORGET_BEST:
        forget_best(lineage, path);
        break;
    case SN_LINEAGE_KEEP:
        break;
    }
    return SN_OK;
}

sn_status sn_lineage_apply(sn_lineage *lineage, sn_error *err)
{
    const sn_config *config = lineage->state->config;
    const sn_position *position = lineage->state->position;
    const bool finished =
        sn_config_is_finished(config, position->epoch, position->best_epoch);
    names moved = {.left_out = 0};
    sn_lineage_action *actions =
        calloc(lineage->count + SN_LINEAGE_EXTRA_ACTIONS, sizeof *actions);
    if (actions == NULL) {
        return sn_fail(err, SN_ENOMEM, "resume: out of memory");
    }
    size_t count;
    bool again;
    sn_status status;
    do {
        count = sn_lineage_plan(lineage->records, lineage->count, position,
                                config->checkpoint_keep_best, finished, actions);
        status = find_damage(lineage, actions, count, &again, err);
    } while (status == SN_OK && again);
    for (size_t i = 0; i < count && status == SN_OK; i++) {
        status = execute(lineage, &actions[i], &moved, err);
    }
    free(actions);
    warn_about_moved(lineage, position->step, &moved);
    return status;
}
