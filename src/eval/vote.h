/* SPDX-License-Identifier: BSD-3-Clause */
/** Classes from probabilities, and means of probabilities.  Not collective; allocates
 *  nothing. */
#ifndef SHARDNET_EVAL_VOTE_H
#define SHARDNET_EVAL_VOTE_H

#include <stddef.h>

#include "shardnet/model.h"

/** mean (count) += p (count) / voters. */
void sn_vote_add(size_t voters, size_t count, const float *p, float *mean);

/** Returns log(exp(a) + exp(b)); a and b may be so small that exp gives 0. */
double sn_vote_log_sum(double a, double b);

/** Returns the two most probable classes.  p (classes): probabilities. */
sn_prediction sn_vote_result(size_t classes, const float *p);

#endif
