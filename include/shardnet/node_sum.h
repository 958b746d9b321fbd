/** The sum over ranks through the memory that the ranks of a node share.
 *
 *  Steps, for n elements on q ranks a node and m nodes, R = q m:
 *    1. every rank writes its message into the shared segment and raises its flag;
 *    2. each waits for the flags of its node and sums its n/q elements of all q
 *       messages, in the order of the ranks;
 *    3. ranks of the same number on the m nodes sum these n/q elements by
 * MPI_Allreduce: q messages of n/q that use every core and link at once (only for m >
 * 1);
 *    4. flags again, and the sum lies where all ranks of the node see it.
 *  Cost: q n / q memory reads a rank, then 2 lg(m) alpha + 2 (m-1)/m n/q beta + the
 *  additions, against 2 lg(R) alpha + 2 (R-1)/R n beta of a flat allreduce.  The scheme
 * is the multi-leader reduction of Bayatpour et al., "Scalable reduction collectives
 * with data partitioning-based multi-leader design", SC 2017. */
#ifndef SHARDNET_NODE_SUM_H
#define SHARDNET_NODE_SUM_H

#include <stddef.h>

#include "shardnet/comm.h"

typedef struct sn_node_sum sn_node_sum;

/** Memory for messages of count elements, count + 1 messages a node.  *sum is NULL,
 * with SN_OK, where it would bring nothing or cannot be had: one rank a node, nodes
 * with different numbers of ranks, no shared memory.  Collective.  SN_ENOMEM, SN_EMPI.
 */
sn_status sn_node_sum_create(sn_comm *comm, size_t count, sn_node_sum **sum,
                             sn_error *err) SN_MUST_CHECK;

/** Memory that a rank, numbered within its node, gives for messages of count elements.
 *  Pure. */
size_t sn_node_sum_bytes(size_t count, int node_rank);

/** Collective; accepts NULL. */
void sn_node_sum_destroy(sn_node_sum **sum);

/** Where this rank writes its message (count), and where the sum (count) is found, to
 * be read only, until the next step's message is complete. */
float *sn_node_sum_message(sn_node_sum *sum);
float *sn_node_sum_result(sn_node_sum *sum);

/** Sums the messages.  Collective; waits busily, yielding the core now and then.
 *  SN_EMPI. */
sn_status sn_node_sum_run(sn_node_sum *sum, sn_error *err) SN_MUST_CHECK;

#endif
