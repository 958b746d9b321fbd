/* SPDX-License-Identifier: BSD-3-Clause */
/** Where the time of steps goes. */
#ifndef SHARDNET_TRAIN_PROFILE_H
#define SHARDNET_TRAIN_PROFILE_H

#include "dist/comm/comm.h"

/** Seconds spent in the parts of steps; the loss counts as forward. */
typedef struct sn_profile {
    double gather, forward, backward, reduce, update;
} sn_profile;

/** Seconds that a rank spent gathering and computing in this invocation. */
typedef struct sn_busy {
    double seconds;
    char host[SN_HOST_BYTES];
} sn_busy;

/** sum += more. */
void sn_profile_add(sn_profile *sum, const sn_profile *more);

/** Seconds of all parts together. */
double sn_profile_total(const sn_profile *profile);

#endif
