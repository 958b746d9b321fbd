/** The sum over ranks through the memory that the ranks of a node share.
 *
 *  Steps, for n elements on q ranks a node and m nodes, R = q m:
 *    1. every rank writes its message into the shared segment and raises its flag;
 *    2. each waits for the flags of its node and adds its n/q elements of all messages
 *       to those of rank 0, in the order of the ranks;
 *    3. ranks of the same number on the m nodes sum these n/q elements by
 *       MPI_Allreduce, so that q messages of n/q use every core and link at once (only
 *       for m > 1);
 *    4. flags again, and the sum lies in rank 0's message, where all ranks of the node
 *       see it; rank 0 writes its next message when all have read it.
 *  Cost: n memory reads and n/q writes a rank, then 2 lg(m) alpha + 2 (m-1)/m n/q beta
 *  + the additions, against 2 lg(R) alpha + 2 (R-1)/R n beta of a flat allreduce.  The
 *  scheme is the multi-leader reduction of Bayatpour et al., "Scalable reduction
 *  collectives with data partitioning-based multi-leader design", SC 2017. */
#ifndef SHARDNET_DIST_REDUCE_NODE_SUM_H
#define SHARDNET_DIST_REDUCE_NODE_SUM_H

#include <stddef.h>

#include "dist/comm/comm.h"

typedef struct sn_node_sum sn_node_sum;

/** Memory for messages of count elements, one a rank.  *sum is NULL, with SN_OK, where
 * it would bring nothing or cannot be had: one rank a node, nodes with different
 * numbers of ranks, a node with too little of /dev/shm.  Collective.  SN_ENOMEM,
 * SN_EMPI. */
sn_status sn_node_sum_create(sn_comm *comm, size_t count, sn_node_sum **sum,
                             sn_error *err) SN_MUST_CHECK;

/** Memory that a rank gives for messages of count elements.  Pure. */
size_t sn_node_sum_bytes(size_t count);

/** Collective; accepts NULL. */
void sn_node_sum_destroy(sn_node_sum **sum);

/** Where this rank writes its message (count), and where the sum (count) is found, to
 * be read only, until this rank begins again. */
float *sn_node_sum_message(sn_node_sum *sum);
float *sn_node_sum_result(sn_node_sum *sum);

/** To be called before a message is written: this rank has read the last sum.
 * Collective over the node; rank 0 waits until all others have come here too, busily,
 * yielding the core now and then.  Accepts NULL. */
void sn_node_sum_begin(sn_node_sum *sum);

/** Sums the messages.  Collective; waits busily, yielding the core now and then.
 *  SN_EMPI. */
sn_status sn_node_sum_run(sn_node_sum *sum, sn_error *err) SN_MUST_CHECK;

#endif
