/** What the configuration leaves to a measurement: compute.backend and comm.reduce. */
#ifndef SHARDNET_TRAIN_CHOOSE_H
#define SHARDNET_TRAIN_CHOOSE_H

#include <stdio.h>

#include "dist/reduce/reduction.h"
#include "nn/products/gemm.h"
#include "train/context.h"
#include "train/cursor.h"
#include "train/replica.h"

/** Mean seconds over ranks of one pass of products, and of one gradient with its
 *  reduction; 0 where nothing was measured. */
typedef struct sn_choice {
    double backend_seconds[SN_BACKENDS];
    double reduce_seconds[SN_REDUCE_AUTO];
} sn_choice;

/** Settles both keys, with rank 0's values on all ranks, and makes the reduction.  Where
 *  a key is auto, the candidates run a few times on the shapes of the run, and the fastest
 *  one is written into config, so that config.ini and the checkpoints hold it; what needs
 *  no measurement, as the reduction of one rank, stays auto.  Clobbers the batch and the
 *  activations; the parameters are only read.  Collective; the caller destroys
 *  *reduction, which is NULL after a failure.  SN_ECONFIG, SN_ENOMEM, SN_EMPI. */
sn_status sn_choose(const sn_context *context, sn_config *config, sn_replica *replica,
                    const sn_cursor *cursor, sn_choice *choice,
                    sn_reduction **reduction, sn_error *err) SN_MUST_CHECK;

/** Prints the console's line about the reduction; nothing for the
 *  standard one that was not measured. */
void sn_choice_print_reduction(const sn_choice *choice, const sn_config *config,
                               const sn_reduction *reduction, FILE *out);

#endif
