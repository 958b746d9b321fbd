/* SPDX-License-Identifier: BSD-3-Clause */
/** The engine owns all parts that a training step uses.  train, bench and the console
 *  use the whole engine; every other function takes only the parts that it uses. */
#ifndef SHARDNET_TRAIN_STEP_ENGINE_H
#define SHARDNET_TRAIN_STEP_ENGINE_H

#include "dist/reduce/reduction.h"
#include "eval/loader.h"
#include "train/step/context.h"
#include "train/step/cursor.h"
#include "train/step/replica.h"
#include "train/step/step.h"

typedef struct sn_engine {
    sn_config config; /* effective: sn_engine_choose replaces auto */
    sn_context context;
    sn_loaded loaded;
    sn_replica replica;
    sn_cursor cursor;
    sn_reduction *reduction; /* NULL until sn_engine_choose */
    bool reduction_chosen;   /* true if comm.reduce was auto */
} sn_engine;

/** Opens the context, loads the data and allocates the replica.  The cursor is at the
 *  start of a run; the state is zero.  The caller calls sn_engine_close,
 *  also after an error.  Collective; the same status on all ranks.  Errors: SN_ECONFIG,
 *  SN_ENOINPUT, SN_EDATA, SN_ENOMEM, SN_ERANGE, SN_EMPI. */
sn_status sn_engine_open(sn_engine *engine, sn_comm *comm, const sn_config *config,
                         sn_error *err) SN_MUST_CHECK;

/** Gives a value to compute.backend and comm.reduce if they are auto
 *  (sn_config_backend, sn_reduction_rule) and creates the reduction.  All ranks use the
 *  values of rank 0.  The values are stored in config, from where they reach config.ini
 *  and the checkpoints; comm.reduce stays auto on one rank.  Collective.  Errors:
 *  SN_ECONFIG, SN_ENOMEM, SN_EMPI. */
sn_status sn_engine_choose(sn_engine *engine, sn_error *err) SN_MUST_CHECK;

/** Runs one step with the engine's parts: see sn_step_run.  Collective. */
sn_status sn_engine_step(sn_engine *engine, sn_step_poll *poll, void *user,
                         sn_step_result *result, sn_error *err) SN_MUST_CHECK;

/** Frees everything that the engine owns.  Collective. */
void sn_engine_close(sn_engine *engine);

#endif
