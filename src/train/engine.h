/** The parts that run training steps.  An engine owns them; only who owns an engine, train
 *  and bench, sees it whole: everybody else takes the parts that he uses. */
#ifndef SHARDNET_TRAIN_ENGINE_H
#define SHARDNET_TRAIN_ENGINE_H

#include "eval/loader.h"
#include "train/choose.h"
#include "train/context.h"
#include "train/cursor.h"
#include "train/replica.h"
#include "train/step.h"

typedef struct sn_engine {
    sn_config config; /* effective: what was auto is chosen */
    sn_context context;
    sn_loaded loaded;
    sn_replica replica;
    sn_cursor cursor;
    sn_choice choice;
    sn_reduction *reduction; /* NULL until sn_engine_choose */
} sn_engine;

/** Loads the data, allocates the replica, finds threads; the cursor stands at the start of
 *  a run, parameters are not set.  Collective; the same status on all ranks, and
 *  sn_engine_close is right after a failure too.  SN_ECONFIG, SN_ENOINPUT, SN_EDATA,
 *  SN_ENOMEM, SN_EMPI. */
sn_status sn_engine_open(sn_engine *engine, sn_comm *comm, const sn_config *config,
                         sn_error *err) SN_MUST_CHECK;

/** Settles what is auto and makes the reduction: see sn_choose.  Collective. */
sn_status sn_engine_choose(sn_engine *engine, sn_error *err) SN_MUST_CHECK;

/** One step: see sn_step_run.  Collective. */
sn_status sn_engine_step(sn_engine *engine, sn_step_poll *poll, void *user,
                         sn_step_result *result, sn_error *err) SN_MUST_CHECK;

/** Collective. */
void sn_engine_close(sn_engine *engine);

#endif
