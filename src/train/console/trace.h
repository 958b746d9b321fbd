/* SPDX-License-Identifier: BSD-3-Clause */
/** The trace: begin and duration of each part of the first steps on every rank, for the
 *  viewers of Chrome and Perfetto (JSON, "Trace Event Format"). */
#ifndef SHARDNET_TRAIN_CONSOLE_TRACE_H
#define SHARDNET_TRAIN_CONSOLE_TRACE_H

#include "train/console/console.h"
#include "train/step/context.h"
#include "train/step/step.h"

typedef enum sn_phase {
    SN_PHASE_GATHER,
    SN_PHASE_FORWARD,
    SN_PHASE_BACKWARD,
    SN_PHASE_REDUCE,
    SN_PHASE_UPDATE,
    SN_PHASE_EVALUATION,
    SN_PHASE_CHECKPOINT, /* the time that training waits for the copy */
    SN_PHASES
} sn_phase;

typedef struct sn_trace sn_trace;

/** Creates the trace of the next steps steps, which rank 0 writes to path; compares the
 *  clocks of the hosts.  *trace is NULL after an error.  The caller calls
 *  sn_trace_destroy.  Collective; the same status on all ranks.  Errors: SN_ECREATE if
 *  rank 0 cannot create path; SN_ENOMEM, SN_EMPI. */
sn_status sn_trace_create(const sn_context *context, const char *path, int64_t steps,
                          sn_trace **trace, sn_error *err) SN_MUST_CHECK;

/** Frees *trace, which may be NULL, and sets it to NULL. */
void sn_trace_destroy(sn_trace **trace);

/** Adds a step that has just ended.  If a step has several microbatches, each phase is
 *  the sum over them.  Does nothing if trace is NULL or full. */
void sn_trace_add_step(sn_trace *trace, int64_t step, const sn_step_result *result);

/** Adds a phase that began at begun (sn_clock_seconds) and ends now. */
void sn_trace_add(sn_trace *trace, sn_phase phase, int64_t step, double begun);

/** Returns true if all steps are in the trace; false if trace is NULL. */
bool sn_trace_is_full(const sn_trace *trace);

/** Writes the file on rank 0 and destroys *trace, which may be NULL.  The reduction of
 *  a rank is divided: the rank waits until the last rank has begun, and then reduces.
 *  Warns if the file cannot be written.  Collective; the same status on all ranks.
 *  Errors: SN_EMPI. */
sn_status sn_trace_finish(sn_trace **trace, sn_console *console,
                          sn_error *err) SN_MUST_CHECK;

#endif
