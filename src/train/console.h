/** What a person sees of a run (internal to train).  Rank 0 prints; the others are
 *  silent. */
#ifndef SHARDNET_TRAIN_CONSOLE_H
#define SHARDNET_TRAIN_CONSOLE_H

#include "eval/evaluate.h"
#include "train/state.h"

/** Does a person watch what is written to out, on a terminal? */
bool sn_console_is_live(FILE *out);

/** The first lines: program, ranks, nodes, threads, data, model, start or resume. */
void sn_console_header(const sn_state *state);

/** A line that is rewritten in place, at most twice a second, on a terminal only. */
void sn_console_step(sn_state *state, double now, double loss);

/** One line for a finished epoch. */
void sn_console_epoch(const sn_state *state, const sn_epoch_row *row);

/** "shardnet: warning: ..." */
void sn_console_warn(const sn_state *state, const char *format, ...) SN_PRINTF(2, 3);

/** The last lines: accuracy, times, rate, parts of a step unless quiet, files. */
void sn_console_result(const sn_state *state, const sn_train_result *result,
                       bool best_restored);

#endif
