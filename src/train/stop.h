/** Requests to stop by signal (internal to train and the command). */
#ifndef SHARDNET_TRAIN_STOP_H
#define SHARDNET_TRAIN_STOP_H

/** From now on SIGTERM, SIGINT, SIGUSR1 and SIGUSR2 set a flag instead of ending the
 *  process; a second one of the same kind acts as usual.  Watching twice is watching
 *  once, until unwatched as often: a request from before training is not lost. */
void sn_stop_watch(void);

/** The last one puts the former handlers back and forgets the flag. */
void sn_stop_unwatch(void);

/** The signal that asked to stop, 0 for none. */
int sn_stop_requested(void);

#endif
