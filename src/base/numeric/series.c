/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/numeric/series.h"

void sn_sine_cosine(double angle, double *sine, double *cosine)
{
    enum { TERMS = 16 };
    const double square = angle * angle;
    double s = 1, c = 1;
    for (int k = 2 * TERMS; k > 0; k -= 2) {
        s = 1 - square / (k * (k + 1)) * s;
        c = 1 - square / (k * (k - 1)) * c;
    }
    *sine = angle * s;
    *cosine = c;
}

/* The series of exp(-x / 64), squared six times. */
double sn_exp_minus(double x)
{
    const double small = x / 64;
    double value = 1;
    for (int k = 30; k > 0; k--) {
        value = 1 - small / k * value;
    }
    for (int i = 0; i < 6; i++) {
        value *= value;
    }
    return value;
}
