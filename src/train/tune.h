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

/** Memory for the message and its sum over ranks, also that of sn_state_open's tree, on
 *  one of size ranks with node_size on each node; comm.reduce is not auto.  Pure. */
size_t sn_tune_bytes(const sn_config *config, size_t arena, int rank, int size,
                     int node_size);

/** Applies sn_gemm_limit_loops for the library of a step's products.  Not collective. */
void sn_tune_loops(const sn_state *state);

/** Releases what sn_tune made: the message, its sum, and what sums it.  Collective. */
void sn_tune_drop(sn_state *state);

#endif
