/* SPDX-License-Identifier: BSD-3-Clause */
/** What a person sees of a run.  Rank 0 prints; on the other ranks a console is silent.
 */
#ifndef SHARDNET_TRAIN_CONSOLE_H
#define SHARDNET_TRAIN_CONSOLE_H

#include <stdio.h>

#include "shardnet/train.h"
#include "store/metrics/metrics.h"
#include "train/deadline.h"
#include "train/engine.h"

typedef struct sn_console {
    FILE *out;      /* header and progress, NULL for none */
    FILE *results;  /* NULL for none */
    FILE *warnings; /* NULL for none */
    bool live;      /* out is a terminal: the line of progress is rewritten in place */
    double last_line;
} sn_console;

/** A console of rank 0; another rank's is silent. */
sn_console sn_console_open(int rank, FILE *out, FILE *warnings, bool quiet);

/** The first lines of train and bench: program, ranks, libraries, data, model. */
void sn_console_header(const sn_console *console, const sn_engine *engine);

/** The lines behind them in a run: the end of the job, the checkpoint that the run
 *  continues (NULL for none) at position, and the keys that changed ("" for none). */
void sn_console_start(const sn_console *console, const sn_deadline *deadline,
                      const char *checkpoint, const sn_position *position,
                      const char *changes);

/** The line of progress, at most twice a second, on a terminal only.  first_step and
 *  begun (clock) are those of this invocation's first step; now is the clock. */
void sn_console_step(sn_console *console, const sn_config *config,
                     const sn_cursor *cursor, int64_t first_step, double begun,
                     double now, double loss);

/** One line for a finished epoch. */
void sn_console_epoch(const sn_console *console, const sn_config *config,
                      const sn_epoch_row *row);

/** "shardnet: warning: ...".  console is an sn_console; the type is sn_warn. */
void sn_console_warn(void *console, const char *format, ...) SN_PRINTF(2, 3);

/** The last lines: best epoch (NULL for none), accuracy, times. */
void sn_console_result(const sn_console *console, const sn_config *config,
                       const sn_train_result *result, const sn_position *best);

/** Where the time of steps steps went on rank 0, and the slowest of the ranks where
 *  waiting for it cost a share that matters; busy (ranks) may be NULL. */
void sn_console_profile(const sn_console *console, const sn_profile *profile,
                        int64_t steps, const sn_busy *busy, int ranks);

#endif
