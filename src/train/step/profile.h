/* SPDX-License-Identifier: BSD-3-Clause */
/** Durations of the parts of training steps. */
#ifndef SHARDNET_TRAIN_STEP_PROFILE_H
#define SHARDNET_TRAIN_STEP_PROFILE_H

#include "dist/comm/comm.h"

/** Seconds per part of a step, or of several steps; forward includes the loss. */
typedef struct sn_profile {
    double gather, forward, backward, reduce, update;
} sn_profile;

/** The time that a rank of this host spent in gather, forward and backward during this
 *  invocation. */
typedef struct sn_busy {
    double seconds;
    char host[SN_HOST_BYTES];
} sn_busy;

/** Computes sum += more. */
void sn_profile_add(sn_profile *sum, const sn_profile *more);

/** Returns the seconds of all parts together. */
double sn_profile_total(const sn_profile *profile);

#endif
