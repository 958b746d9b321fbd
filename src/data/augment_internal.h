/** Parts of the distortions that their tests look at (internal to data). */
#ifndef SHARDNET_DATA_AUGMENT_INTERNAL_H
#define SHARDNET_DATA_AUGMENT_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "data/augment.h"

/** Streams within SN_RNG_AUGMENT. */
enum { SN_AUGMENT_STREAM_AFFINE, SN_AUGMENT_STREAM_NOISE };

/** sin and cos of an angle in [-pi, pi] by their Taylor series, error below 1e-14: a
 *  mathematics library may give other bits on another machine. */
void sn_augment_sine_cosine(double angle, double *sine, double *cosine);

/** Elastic fields of one sample, in pixels: dx and dy (rows, cols) each, what is added
 *  to the column and to the row at which a pixel is looked up. */
void sn_augment_fields(sn_augment *augment, uint64_t seed, uint32_t epoch,
                       uint32_t sample, float *dx, float *dy);

#endif
