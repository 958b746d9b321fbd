/* SPDX-License-Identifier: BSD-3-Clause */
/** The parts that run training steps, which an engine owns.  Its own functions, the
 *  console and its owners, train and bench, see it whole; all others take the parts
 *  that they use. */
#ifndef SHARDNET_TRAIN_ENGINE_H
#define SHARDNET_TRAIN_ENGINE_H

#include "dist/reduce/reduction.h"
#include "eval/loader.h"
#include "nn/products/gemm.h"
#include "train/context.h"
#include "train/cursor.h"
#include "train/replica.h"
#include "train/step.h"

/** Mean seconds over ranks of one pass of products, and of one gradient with its
 *  reduction; 0 where nothing was measured. */
typedef struct sn_choice {
    double backend_seconds[SN_BACKENDS];
    double reduce_seconds[SN_REDUCE_AUTO];
} sn_choice;

typedef struct sn_engine {
    sn_config config; /* effective: what was auto is chosen */
    sn_context context;
    sn_loaded loaded;
    sn_replica replica;
    sn_cursor cursor;
    sn_choice choice;
    sn_reduction *reduction; /* NULL until sn_engine_choose */
} sn_engine;

/** Loads the data, allocates the replica, finds threads; the cursor stands at the start
 *  of a run, parameters are not set.  Collective; the same status on all ranks, and
 *  sn_engine_close is right after a failure too.  SN_ECONFIG, SN_ENOINPUT, SN_EDATA,
 *  SN_ENOMEM, SN_EMPI. */
sn_status sn_engine_open(sn_engine *engine, sn_comm *comm, const sn_config *config,
                         sn_error *err) SN_MUST_CHECK;

/** Settles compute.backend and comm.reduce, with rank 0's values on all ranks, and
 *  makes the reduction.  Where a key is auto, the candidates run a few times on the
 *  shapes of the run, and the fastest one is written into config, so that config.ini
 *  and the checkpoints hold it; what needs no measurement, as the reduction of one
 *  rank, stays auto.  Clobbers the batch and the activations; the parameters are only
 *  read.  Collective.  SN_ECONFIG, SN_ENOMEM, SN_EMPI. */
sn_status sn_engine_choose(sn_engine *engine, sn_error *err) SN_MUST_CHECK;

/** One step: see sn_step_run.  Collective. */
sn_status sn_engine_step(sn_engine *engine, sn_step_poll *poll, void *user,
                         sn_step_result *result, sn_error *err) SN_MUST_CHECK;

/** Collective. */
void sn_engine_close(sn_engine *engine);

#endif
