/** Where the time of steps goes (internal to train). */
#ifndef SHARDNET_TRAIN_PROFILE_H
#define SHARDNET_TRAIN_PROFILE_H

/** Seconds spent in the parts of steps; the loss counts as forward. */
typedef struct sn_profile {
    double gather, forward, backward, reduce, update;
} sn_profile;

/** sum += more. */
void sn_profile_add(sn_profile *sum, const sn_profile *more);

/** Seconds of all parts together. */
double sn_profile_total(const sn_profile *phases);

#endif
