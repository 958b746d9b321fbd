/** Where the time of steps goes (internal to train). */
#ifndef SHARDNET_TRAIN_PROFILE_H
#define SHARDNET_TRAIN_PROFILE_H

/** Seconds spent in the parts of steps; the loss counts as forward. */
typedef struct sn_phases {
    double gather, forward, backward, reduce, update;
} sn_phases;

/** sum += more. */
void sn_phases_add(sn_phases *sum, const sn_phases *more);

/** Seconds of all parts together. */
double sn_phases_total(const sn_phases *phases);

#endif
