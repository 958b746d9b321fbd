/* SPDX-License-Identifier: BSD-3-Clause */
/** The console: the lines that a person reads while a run trains.  Rank 0 prints; on
 *  the other ranks a console prints nothing.  No function is collective. */
#ifndef SHARDNET_TRAIN_CONSOLE_CONSOLE_H
#define SHARDNET_TRAIN_CONSOLE_CONSOLE_H

#include <stdio.h>

#include "shardnet/train.h"
#include "store/metrics/metrics.h"
#include "train/deadline.h"
#include "train/step/engine.h"

/** Streams of a console; it prints nothing to a stream that is NULL. */
typedef struct sn_console {
    FILE *out;        /* header and epochs */
    FILE *results;    /* last lines */
    FILE *warnings;   /* warnings */
    bool live;        /* out is a terminal: the console rewrites the line of a step */
    double last_line; /* clock of the newest line of a step */
} sn_console;

/** Returns the console of a rank.  With quiet, out prints only the results. */
sn_console sn_console_open(int rank, FILE *out, FILE *warnings, bool quiet);

/** Prints the first lines of train and bench: program, ranks, libraries, data, model.
 */
void sn_console_header(const sn_console *console, const sn_engine *engine);

/** Prints the next lines of a run: the end of the job, the restored checkpoint (NULL
 *  for a new run) with its position, and the keys that changed ("" if none changed). */
void sn_console_start(const sn_console *console, const sn_deadline *deadline,
                      const char *checkpoint, const sn_position *position,
                      const char *changes);

/** The times of the steps of this invocation. */
typedef struct sn_pace {
    int64_t first_step;  /* number of finished updates before */
    double begun, now;   /* clock: before the first step, after the last one */
    double step_seconds; /* the part of it spent in steps */
    double reduce_share; /* share of the reductions in the steps of this epoch */
} sn_pace;

/** Rewrites the line of a step, at most twice per second and on a terminal only: the
 *  loss of the step, the error of the epoch so far, and after a second of steps the
 *  speed and the times.  A narrow terminal shows the beginning of the line. */
void sn_console_step(sn_console *console, const sn_config *config,
                     const sn_cursor *cursor, const sn_pace *pace, double loss);

/** Removes the line of a step, so that other lines do not continue it. */
void sn_console_clear_line(const sn_console *console);

/** Prints the line of a finished epoch. */
void sn_console_epoch(const sn_console *console, const sn_config *config,
                      const sn_epoch_row *row);

/** Prints "shardnet: warning: ...".  console points to an sn_console: the function has
 *  the type sn_warn. */
void sn_console_warn(void *console, const char *format, ...) SN_PRINTF(2, 3);

/** The lines at the end of a run begin with these values. */
typedef struct sn_ending {
    const char *reason;      /* see sn_outcome_describe_end */
    const char *checkpoint;  /* the file with the result */
    const sn_position *best; /* NULL if it is not best.h5 */
} sn_ending;

/** Prints the last lines: reason, checkpoint, best epoch, accuracy, times. */
void sn_console_result(const sn_console *console, const sn_config *config,
                       const sn_train_result *result, const sn_ending *ending);

/** Prints how rank 0 spent the time of this number of steps, and names the slowest rank
 *  if waiting for it cost more than 5 % of the time.  busy (ranks) may be NULL. */
void sn_console_profile(const sn_console *console, const sn_profile *profile,
                        int64_t steps, const sn_busy *busy, int ranks);

#endif
