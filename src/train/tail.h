/** The tail: what travels behind the gradient, each summed over ranks.  Counts are exact
 *  in float up to 2^24. */
#ifndef SHARDNET_TRAIN_TAIL_H
#define SHARDNET_TRAIN_TAIL_H

typedef enum sn_tail {
    SN_TAIL_LOSS,       /* sum of the losses */
    SN_TAIL_CORRECT,    /* samples classified correctly */
    SN_TAIL_COUNT,      /* samples seen */
    SN_TAIL_NON_FINITE, /* ranks that found a non-finite loss or gradient */
    SN_TAIL_STOP,       /* ranks asked to stop */
    SN_TAIL_CHECKPOINT, /* ranks that want a checkpoint now */
    SN_TAIL_ELEMENTS = 16
} sn_tail;

#endif
