/* SPDX-License-Identifier: BSD-3-Clause */
/* The records of a run's checkpoints, and the execution of the plan for them. */
#include "run/lineage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/paths.h"

/* Reads all but the tensors. */
static void examine(sn_lineage_record *record, const sn_lineage *lineage)
{
    sn_checkpoint *checkpoint = NULL;
    sn_checkpoint_info info;
    if (sn_checkpoint_open(record->path, &checkpoint, &info, NULL) == SN_OK) {
        record->position = info.position;
        record->same_data =
            strcmp(info.train_digest, lineage->state->data->train_digest) == 0;
    } else {
        record->health = SN_LINEAGE_DAMAGED;
    }
    if (record->kind != SN_LINEAGE_STEP) {
        record->step =
            record->health == SN_LINEAGE_DAMAGED ? -1 : record->position.step;
    }
    sn_checkpoint_close(&checkpoint);
}

/* Appends a record, for which there is room. */
static void append(sn_lineage *lineage, sn_lineage_kind kind, int64_t step,
                   const char *path)
{
    sn_lineage_record *record = &lineage->records[lineage->count++];
    *record = (sn_lineage_record){.kind = kind, .step = step};
    snprintf(record->path, sizeof record->path, "%s", path);
    examine(record, lineage);
}

/* Negative where a is to be restored before b. */
static int newest_first(const void *a, const void *b)
{
    const sn_lineage_record *left = a, *right = b;
    return left->step != right->step ? (left->step < right->step ? 1 : -1)
                                     : (int)left->kind - (int)right->kind;
}

sn_status sn_lineage_scan(sn_lineage *lineage, sn_error *err)
{
    enum { MORE_RECORDS = 3 }; /* best.h5, a named file, best.h5 beside that */
    const char *run = lineage->run;
    char path[SN_PATH_BYTES];
    int64_t *steps = NULL;
    size_t count = 0;
    sn_status status = sn_checkpoint_list(run, &steps, &count, err);
    lineage->count = 0;
    lineage->records = calloc(count + MORE_RECORDS, sizeof *lineage->records);
    if (status == SN_OK && lineage->records == NULL) {
        status = sn_fail(err, SN_ENOMEM, "out of memory to list (%s)", run);
    }
    for (size_t i = 0; status == SN_OK && i < count; i++) {
        status = sn_checkpoint_path(path, run, steps[i], err);
        if (status == SN_OK) {
            append(lineage, SN_LINEAGE_STEP, steps[i], path);
        }
    }
    free(steps);
    if (status == SN_OK) {
        status = sn_checkpoint_best_path(path, run, err);
    }
    if (status == SN_OK && sn_file_exists(path)) {
        append(lineage, SN_LINEAGE_BEST, 0, path);
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

/* Restores the checkpoint of a record. */
static sn_status restore(const sn_lineage *lineage, sn_lineage_record *record,
                         char changes[SN_CHANGES_BYTES], sn_error *err)
{
    bool damaged;
    const sn_status status = sn_restore(record->path, lineage->state, &record->position,
                                        changes, &damaged, err);
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
        lineage->warn(lineage->user, "%s; passed over", err->message);
    }
    return sn_fail(err, SN_EDATA,
                   "resume (%s): every checkpoint is damaged; move the folder away to "
                   "begin again",
                   lineage->run);
}

/* Restores a named file, of the run's own checkpoints or of another folder, whose
 * best.h5 then gets a record, too. */
static sn_status restore_path(sn_lineage *lineage, const char *path,
                              char changes[SN_CHANGES_BYTES],
                              const sn_lineage_record **restored, sn_error *err)
{
    char folder[SN_PATH_BYTES], checkpoints[SN_PATH_BYTES], beside[SN_PATH_BYTES];
    sn_path_parent(folder, path);
    const bool own =
        sn_path_join(checkpoints, lineage->run, SN_CHECKPOINTS_FOLDER, NULL) == SN_OK &&
        is_same_file(folder, checkpoints);
    if (lineage->count > 0 && !own) {
        return sn_fail(err, SN_ECREATE,
                       "run (%s): already holds checkpoints of its own, and %s is none "
                       "of them; choose another --out",
                       lineage->run, path);
    }
    size_t i = 0;
    while (i < lineage->count && !is_same_file(path, lineage->records[i].path)) {
        i++;
    }
    if (i == lineage->count) {
        append(lineage, SN_LINEAGE_OTHER, 0, path);
    }
    if (!own && sn_path_join(beside, folder, SN_BEST_FILE, NULL) == SN_OK &&
        sn_file_exists(beside)) {
        append(lineage, SN_LINEAGE_OTHER, 0, beside);
    }
    *restored = &lineage->records[i];
    return restore(lineage, &lineage->records[i], changes, err);
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
                       "run (%s): already holds a checkpoint; continue it with "
                       "--resume or choose another --out",
                       lineage->run);
    }
    return lineage->count > 0 ? restore_newest(lineage, changes, restored, err) : SN_OK;
}

/* Reads the files that the plan depends on.  Where one is damaged, the plan must be
 * made again. */
static bool finds_damage(sn_lineage *lineage, const sn_lineage_action *actions,
                         size_t count)
{
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        sn_lineage_record *record = &lineage->records[actions[i].record];
        if ((actions[i].verb != SN_LINEAGE_KEEP &&
             actions[i].verb != SN_LINEAGE_SAVE_BEST) ||
            record->health != SN_LINEAGE_UNREAD) {
            continue;
        }
        sn_checkpoint_info info;
        const bool good = sn_checkpoint_verify(record->path, &info, NULL) == SN_OK;
        record->health = good ? SN_LINEAGE_GOOD : SN_LINEAGE_DAMAGED;
        found = found || !good;
    }
    return found;
}

/* The names of the files that were set aside, as far as they fit. */
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

static void warn_of_names(const sn_lineage *lineage, int64_t step, const names *moved)
{
    char more[48] = "";
    if (moved->left_out > 0) {
        snprintf(more, sizeof more, " and %zu more", moved->left_out);
    }
    if (moved->text[0] != '\0') {
        lineage->warn(lineage->user,
                      "run (%s): goes on from step %" PRId64
                      "; what it leaves behind is set aside: %s%s",
                      lineage->run, step, moved->text, more);
    }
}

/* The record follows its file. */
static sn_status set_aside(sn_lineage_record *record, names *moved, sn_error *err)
{
    char aside[SN_PATH_BYTES];
    const sn_status status = sn_file_move_away(record->path, SN_ABANDONED, aside, err);
    if (status == SN_OK) {
        strcpy(record->path, aside);
        add_name(moved, aside);
    }
    return status;
}

/* Copies a checkpoint to a path in the run's folder. */
static sn_status copy(const char *run, const char *from, const char *to, sn_error *err)
{
    sn_checkpoint_state held = {0};
    sn_status status = sn_checkpoint_create_folder(run, err);
    if (status == SN_OK) {
        status = sn_checkpoint_load(from, &held, err);
    }
    if (status == SN_OK) {
        status = sn_checkpoint_write(to, &held.info, held.layers, err);
    }
    sn_checkpoint_state_clear(&held);
    return status;
}

static void forget_best(const sn_lineage *lineage, const char *best)
{
    sn_position *position = lineage->state->position;
    lineage->warn(lineage->user,
                  "best (%s): no file holds the weights of the best epoch, "
                  "%" PRId64 "; the best is sought from epoch %" PRId64 " on",
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
        return set_aside(record, moved, err);
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
    do {
        count = sn_lineage_plan(lineage->records, lineage->count, position,
                                config->checkpoint_keep_best, finished, actions);
    } while (finds_damage(lineage, actions, count));
    sn_status status = SN_OK;
    for (size_t i = 0; i < count && status == SN_OK; i++) {
        status = execute(lineage, &actions[i], &moved, err);
    }
    free(actions);
    warn_of_names(lineage, position->step, &moved);
    return status;
}
