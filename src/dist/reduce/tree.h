/** A sum of gradients that does not depend on the number of ranks, bit for bit.
 *
 *  The global batch is cut into a fixed number of leaves, a power of two.  Each leaf's
 *  gradient || tail is computed with the same shapes whoever owns it, and leaves are
 * added along one fixed binary tree (node (h, j) = node (h-1, 2j) + node (h-1, 2j+1)),
 * so every element sees the same additions on any number of ranks. */
#ifndef SHARDNET_DIST_REDUCE_TREE_H
#define SHARDNET_DIST_REDUCE_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "data/sampler.h"
#include "dist/comm/comm.h"

typedef struct sn_tree sn_tree;

/** Buffers for messages of length floats.  leaves: a power of two, at least the number
 *  of ranks (SN_ECONFIG).  Collective.  SN_ENOMEM, SN_ERANGE. */
sn_status sn_tree_create(sn_comm *comm, size_t length, int leaves, sn_tree **tree,
                         sn_error *err) SN_MUST_CHECK;
/** Memory that _create takes on a rank, leaves being what it accepts.  Pure. */
size_t sn_tree_bytes(size_t length, int leaves, int rank, int size);

void sn_tree_destroy(sn_tree **tree);

/** Leaves [begin, end) that this rank owns; never empty. */
sn_range sn_tree_leaves(const sn_tree *tree);

/** Where the next leaf's message (length) is to be written, in leaf order. */
float *sn_tree_next(sn_tree *tree);

/** Adds the message just written to its subtree.  Allocates nothing. */
void sn_tree_push(sn_tree *tree);

/** message (length) := the sum of all leaves of all ranks, after every rank has pushed
 *  its leaves; the tree is empty again.  Collective.  SN_EMPI. */
sn_status sn_tree_sum(sn_tree *tree, float *message, sn_error *err) SN_MUST_CHECK;

#endif
