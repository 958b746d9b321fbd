/** What the configuration leaves to a measurement (internal to train). */
#ifndef SHARDNET_TRAIN_TUNE_H
#define SHARDNET_TRAIN_TUNE_H

#include "train/state.h"

/** Settles compute.backend and comm.reduce, those of rank 0 on all ranks, and makes
 * what they need.  Where one is auto, both ways are run a few times on the shapes of
 * the run and the faster is written into state->config, so that it goes into config.ini
 * and the checkpoints; what needs no measurement, as the sum of one rank, stays auto.
 *  Uses, and leaves of no use, the batch, the activations and the message; the
 *  parameters are only read.  Collective.  SN_ENOMEM, SN_EMPI. */
sn_status sn_tune(sn_state *state, sn_error *err) SN_MUST_CHECK;

/** The calling thread's loops keep to one thread where the threads of a step's products
 *  do not bear more.  Not collective. */
void sn_tune_loops(const sn_state *state);

/** Releases the reduction that sn_tune made.  Collective. */
void sn_tune_drop(sn_state *state);

#endif
