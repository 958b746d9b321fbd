/* SPDX-License-Identifier: BSD-3-Clause */
/** Elementary functions in double by Taylor series, for tables and single values.  The
 *  mathematics library may round differently on another machine; these do not. */
#ifndef SHARDNET_BASE_NUMERIC_SERIES_H
#define SHARDNET_BASE_NUMERIC_SERIES_H

/** Sets sine and cosine of an angle in [-pi, pi]; the errors are below 1e-14. */
void sn_sine_cosine(double angle, double *sine, double *cosine);

/** Returns exp(-x) for x in [0, 50]; the relative error is below 1e-13. */
double sn_exp_minus(double x);

#endif
