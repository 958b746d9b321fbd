/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/vote.h"

#include <math.h>

void sn_vote_add(size_t voters, size_t count, const float *p, float *mean)
{
    const float weight = 1 / (float)voters;
    for (size_t i = 0; i < count; i++) {
        mean[i] += weight * p[i];
    }
}

double sn_vote_log_sum(double a, double b)
{
    const double larger = a > b ? a : b, smaller = a > b ? b : a;
    return larger == -INFINITY ? larger : larger + log1p(exp(smaller - larger));
}

sn_prediction sn_vote_result(size_t classes, const float *p)
{
    size_t best = 0, second = classes;
    for (size_t j = 1; j < classes; j++) {
        if (p[j] > p[best]) {
            second = best;
            best = j;
        } else if (second == classes || p[j] > p[second]) {
            second = j;
        }
    }
    return second == classes
               ? (sn_prediction){best, best, (double)p[best], 0}
               : (sn_prediction){best, second, (double)p[best], (double)p[second]};
}
