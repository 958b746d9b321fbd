/* SPDX-License-Identifier: BSD-3-Clause */
/** Elastic fields.  A field has one displacement per pixel along one axis: independent
 *  noise that is smoothed by a Gaussian.  No function here is collective. */
#ifndef SHARDNET_DATA_ELASTIC_H
#define SHARDNET_DATA_ELASTIC_H

#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

/** Streams of SN_RNG_AUGMENT: the affine map of augment.h, and the noise of fields. */
enum { SN_AUGMENT_STREAM_AFFINE, SN_AUGMENT_STREAM_NOISE };

/** Tables and scratch memory for one image size.  Each thread needs its own. */
typedef struct sn_elastic sn_elastic;

/** Creates *elastic; the caller destroys it; it is NULL after an error.  sigma is the
 *  standard deviation of the Gaussian, alpha the amplitude of the noise, in pixels.
 *  Errors: SN_ENOMEM. */
sn_status sn_elastic_create(double sigma, double alpha, size_t rows, size_t cols,
                            sn_elastic **elastic, sn_error *err) SN_MUST_CHECK;

/** Frees *elastic, which may be NULL, and sets it to NULL. */
void sn_elastic_destroy(sn_elastic **elastic);

/** Draws the fields of a sample, a function of (seed, epoch, sample) and the
 *  arguments of _create.  Allocates nothing. */
void sn_elastic_begin(sn_elastic *elastic, uint64_t seed, uint32_t epoch,
                      uint32_t sample);

/** Computes row r of the fields of the last _begin.  dx (cols), dy (cols) are the
 *  displacements in pixels of the column and of the row at which a pixel is sampled;
 *  they stay valid until the next call. */
void sn_elastic_row(sn_elastic *elastic, size_t r, const float **dx, const float **dy);

#endif
